import { closeLease, type Returned, returnedBy } from '@cloister/chain'
import { CloisterError, type Hint, messageOf } from '@cloister/core'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import type { LastLines } from './start.ts'

/**
 * Closes a lease that came to nothing, so that it costs no more. `last`: what the container printed that the
 * error is about.
 */
export async function giveUp(
  cloister: Cloister,
  lease: Hex,
  error: unknown,
  keep = false,
  last?: LastLines,
): Promise<CloisterError> {
  const cause =
    error instanceof CloisterError
      ? error
      : new CloisterError('start-failed', messageOf(error), { cause: error })
  const details = { lease, ...(last && { last }) }
  const id = lease.slice(2, 18)
  if (keep) {
    const hint: Hint = { do: 'look-into-lease', subject: id }
    return new CloisterError(cause.code, cause.message, { hint, details, cause })
  }
  const wallet = walletOf(cloister)
  const closed = await closeLease(wallet, lease).then(
    (receipt) => returnedBy(wallet, receipt, lease),
    () => undefined,
  )
  return new CloisterError(cause.code, `${cause.message}${closed ? ` ${whereTheRestIs(closed)}` : ''}`, {
    hint: closed ? whatToDo(cause) : { do: 'close-lease', subject: id },
    details,
    cause,
  })
}

function whereTheRestIs({ credited }: Returned): string {
  if (credited === 0n) return 'The lease is closed and the rest of the deposit is back.'
  return 'The lease is closed. Its token does not move, so the rest of the deposit waits in the market for you to withdraw.'
}

function whatToDo({ message }: CloisterError): Hint {
  return { do: message.includes('asks for a login') ? 'log-in-to-registry' : 'deploy-again' }
}
