import { connectSides, recoverTransfer, type Sides, type Transfer, transferStatus } from '@cloister/bridge'
import { CloisterError } from '@cloister/core'
import { paint, say, sayJson } from '@cloister/terminal'
import type { Hex } from 'viem'
import { bridgeJournal } from '../../bridge-journal.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { amountOf, type Found, jsonOf, mark, phrase } from './show.ts'

export async function status(transaction: string | undefined, options: Globals): Promise<void> {
  const { network } = connect(options)
  const sides = connectSides(network)
  const transfers = await transfersOf(sides, transaction)
  const found = await Promise.all(
    transfers.map(
      async (transfer): Promise<Found> => ({ transfer, status: await transferStatus(sides, transfer) }),
    ),
  )
  if (found.some(({ status: { phase } }) => phase === 'failed' || phase === 'lost')) process.exitCode = 1
  if (options.json) return sayJson({ transfers: found.map(jsonOf) })
  if (found.length === 0) say('Nothing is on its way between the chains, as far as is known here.')
  for (const one of found) sayWhere(sides, one)
  if (sides.below.proofs === 'simulated')
    say(paint('yellow', 'Proofs are simulated on this network: a key that everybody has signs for them.'))
}

export function sayWhere(sides: Sides, { transfer, status: state }: Found): void {
  const { kind, start, to } = transfer
  say(`${mark(state)} ${kind} of ${amountOf(transfer)} for ${to}, ${start.hash}`)
  say(`    ${phrase(sides, transfer, state)}`)
}

/** All that are written down here for the network, or one by its first transaction, known here or not. */
export async function transfersOf(sides: Sides, transaction: string | undefined): Promise<Transfer[]> {
  const known = bridgeJournal()
    .list()
    .filter(({ chainId }) => chainId === sides.network.chainId)
  if (transaction === undefined) return known
  const hash = transaction.toLowerCase()
  if (!/^0x[0-9a-f]{64}$/.test(hash))
    throw new CloisterError('bad-option', `${transaction.slice(0, 80)} is no transaction’s hash.`, {
      hint: 'It has 0x and 64 hexadecimal digits: of the transaction that began the deposit or withdrawal.',
    })
  const own = known.find(({ start }) => start.hash === hash)
  return [own ?? (await recoverTransfer(sides, hash as Hex))]
}
