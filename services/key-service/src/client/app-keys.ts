import { type Chain, getSeats, type Seat } from '@cloister/chain'
import { CloisterError, fromBase64, messageOf, toBase64 } from '@cloister/core'
import { type Envelope, generateKeyPair, open, PARTS, type Part, publicKeyOf } from '@cloister/secrets'
import type { WorkerEvidence } from '@cloister/workload/wire'
import { bytesToHex, type Hex } from 'viem'
import {
  Challenge,
  ReleaseAnswer,
  ReleasedKeys,
  type ReleaseRequest,
  releaseContext,
  releaseFreshness,
} from '../protocol.ts'
import { askInstance } from './ask.ts'

/** What keys are for: one manifest of one lease. They are given to nothing else that runs for it. */
export interface Run {
  lease: Hex
  /** SHA-256 of the canonical manifest that is started. */
  manifestHash: Hex
}

/** Has a worker prove itself for a purpose; see `purposeDigest`. */
export type Prove = (purpose: Hex) => Promise<WorkerEvidence>

/**
 * The private keys, by part, that open an envelope, for what a lease is about to run here: asks all seats of
 * the key service, any two of which will do, and takes no key that isn't the envelope's. Throws `no-keys`
 * where the app's registry doesn't allow it, `keys-unavailable` where too few seats answer.
 */
export async function fetchAppKeys(
  chain: Chain,
  prove: Prove,
  run: Run,
  envelope: Envelope,
): Promise<[Uint8Array, Uint8Array, Uint8Array]> {
  const seats = await getSeats(chain)
  const found = new Map<Part, Uint8Array>()
  const problems: CloisterError[] = []
  await Promise.all(
    seats.map(async (seat) => {
      try {
        for (const [part, key] of await release(chain, prove, seat, run, envelope.app)) {
          if (bytesToHex(await publicKeyOf(key)) !== bytesToHex(fromBase64(envelope.keys[part])))
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

async function release(
  chain: Chain,
  prove: Prove,
  seat: Seat,
  run: Run,
  app: Hex,
): Promise<[Part, Uint8Array][]> {
  const who = `Seat ${seat.index}`
  const { challenge } = await askInstance(chain, who, seat, { path: '/v1/challenge', answer: Challenge })
  const transport = await generateKeyPair()
  const question = {
    app,
    ...run,
    challenge,
    transportKey: toBase64(transport.publicKey),
  }
  const request: ReleaseRequest = { ...question, evidence: await prove(releaseFreshness(question)) }
  const { sealed } = await askInstance(chain, who, seat, {
    path: '/v1/release',
    body: request,
    answer: ReleaseAnswer,
  })
  const opened = await open([transport.privateKey], fromBase64(sealed), releaseContext(question))
  const keys = ReleasedKeys.parse(JSON.parse(new TextDecoder().decode(opened)))
  return PARTS.flatMap((part) => {
    const key = keys[`${part}`]
    return key === undefined ? [] : [[part, fromBase64(key)]]
  })
}
