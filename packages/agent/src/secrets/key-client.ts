import { type Chain, getSeats, type Seat } from '@cloister/chain'
import { askService, IndexClient, type ServiceRequest, workerOfRecord } from '@cloister/client'
import { CloisterError, messageOf } from '@cloister/core'
import {
  Challenge,
  type Envelope,
  generateKeyPair,
  open,
  PARTS,
  type Part,
  publicKeyOf,
  ReleaseAnswer,
  ReleasedKeys,
  type ReleaseRequest,
  releaseContext,
  releaseFreshness,
} from '@cloister/secrets'
import type { Hex } from 'viem'
import type { z } from 'zod'
import type { WorkerProver } from '../evidence/prover.ts'
import type { Run } from './lease-secrets.ts'

/**
 * The private keys, by part, that open an envelope, for what a lease is about to run here: asks all seats of
 * the key service, any two of which will do, and takes no key that isn't the envelope's. Throws `no-keys`
 * where the app's registry doesn't allow it, `keys-unavailable` where too few seats answer.
 */
export async function fetchAppKeys(
  chain: Chain,
  prover: WorkerProver,
  run: Run,
  envelope: Envelope,
): Promise<[Uint8Array, Uint8Array, Uint8Array]> {
  const seats = await getSeats(chain)
  const found = new Map<Part, Uint8Array>()
  const problems: CloisterError[] = []
  await Promise.all(
    seats.map(async (seat) => {
      try {
        for (const [part, key] of await askSeat(chain, prover, seat, run, envelope.app)) {
          const wanted = Buffer.from(envelope.keys[part], 'base64')
          if (!wanted.equals(publicKeyOf(key)))
            throw new CloisterError(
              'keys-unavailable',
              `Seat ${seat.index} gave another key for part ${part}.`,
            )
          found.set(part, key)
        }
      } catch (error) {
        problems.push(
          error instanceof CloisterError
            ? error
            : new CloisterError('keys-unavailable', messageOf(error), { cause: error }),
        )
      }
    }),
  )
  const [first, second, third] = PARTS.map((part) => found.get(part))
  if (first && second && third) return [first, second, third]
  const refusal = problems.find(({ code }) => code === 'no-keys')
  if (refusal)
    throw new CloisterError('no-keys', `The key service gives no keys: ${refusal.message}`, {
      ...(refusal.hint && { hint: refusal.hint }),
    })
  throw new CloisterError(
    'keys-unavailable',
    `The key service can't be had: ${[...new Set(problems.map(messageOf))].join(' ') || `${seats.length} of its seats are filled.`}`,
  )
}

async function askSeat(
  chain: Chain,
  prover: WorkerProver,
  seat: Seat,
  run: Run,
  app: Hex,
): Promise<[Part, Uint8Array][]> {
  const { network } = chain
  const worker = workerOfRecord(network, await new IndexClient(network.indexerUrl).worker(seat.worker))
  const ask = <T extends z.ZodType>(question: ServiceRequest, schema: T) =>
    askService(`Seat ${seat.index}`, worker, seat.lease, question, schema)
  const { challenge } = await ask({ path: '/v1/challenge' }, Challenge)
  const transport = await generateKeyPair()
  const question = {
    app,
    ...run,
    challenge,
    transportKey: Buffer.from(transport.publicKey).toString('base64'),
  }
  const request: ReleaseRequest = { ...question, evidence: await prover.prove(releaseFreshness(question)) }
  const { sealed } = await ask(
    { method: 'POST', path: '/v1/release', body: JSON.stringify(request) },
    ReleaseAnswer,
  )
  const opened = await open([transport.privateKey], Buffer.from(sealed, 'base64'), releaseContext(question))
  const keys = ReleasedKeys.parse(JSON.parse(Buffer.from(opened).toString('utf8')))
  return PARTS.flatMap((part) => {
    const key = keys[`${part}`]
    return key === undefined ? [] : [[part, new Uint8Array(Buffer.from(key, 'base64'))]]
  })
}
