import { getLease, getSeats, type Seat } from '@cloister/chain'
import { askService } from '@cloister/client'
import { CloisterError, defaultPolicy, messageOf } from '@cloister/core'
import {
  AppPublicKeys,
  type Envelope,
  InstanceState,
  PARTS,
  type Part,
  SeatConsent,
  type Secrets,
  sealSecrets,
} from '@cloister/secrets'
import { requireMet } from '@cloister/verify'
import type { Hex } from 'viem'
import type { z } from 'zod'
import type { Cloister } from '../cloister.ts'
import { sessionOf } from '../session.ts'

const EVIDENCE_MS = 15_000

/** One seat of the key service, as it was found. */
export interface SeatStatus extends Seat {
  /** What it says of itself, once its evidence held; undefined where `problem` says why not. */
  state: InstanceState | undefined
  problem: string | undefined
}

/** How the key service is doing: each filled seat, its machine and manifest checked. */
export async function keyService(cloister: Cloister): Promise<SeatStatus[]> {
  const seats = await getSeats(cloister.chain)
  return Promise.all(
    seats.map((seat) =>
      askSeat(cloister, seat, '/v1/state', InstanceState).then(
        (state) => ({ ...seat, state, problem: undefined }),
        (error) => ({ ...seat, state: undefined, problem: messageOf(error) }),
      ),
    ),
  )
}

/**
 * Seals secrets to an app: only a worker whose evidence meets the app's policy on chain can have them
 * opened. The app's keys come from the key service, whose machines and manifests are checked first; a single
 * lying one changes nothing, since it is never asked for the part that it lacks. Throws `keys-unavailable`,
 * `seats-disagree` or `bad-secrets`.
 */
export async function sealForApp(cloister: Cloister, app: Hex, secrets: Secrets): Promise<Envelope> {
  const seats = await getSeats(cloister.chain)
  const found = new Map<Part, string>()
  const problems: string[] = []
  const answers = await Promise.all(
    seats.map((seat) =>
      askSeat(cloister, seat, `/v1/apps/${app}/keys`, AppPublicKeys).catch(
        (error) => void problems.push(`seat ${seat.index}: ${messageOf(error)}`),
      ),
    ),
  )
  for (const [position, answer] of answers.entries()) {
    const seat = seats[position]
    if (!answer || !seat) continue
    for (const part of PARTS) {
      const key = answer.keys[`${part}`]
      // Whatever it says, a seat has no word on the part that it doesn't hold.
      if (key === undefined || part === seat.index) continue
      if (found.has(part) && found.get(part) !== key)
        throw new CloisterError(
          'seats-disagree',
          `Two seats of the key service name different keys for part ${part} of the app.`,
          {
            hint: 'One of them is not to be trusted. Nothing was sealed.',
          },
        )
      found.set(part, key)
    }
  }
  const [first, second, third] = PARTS.map((part) => found.get(part))
  if (first === undefined || second === undefined || third === undefined)
    throw new CloisterError(
      'keys-unavailable',
      `The key service can't be had${problems.length > 0 ? `: ${problems.join('; ')}` : ': its seats are free'}.`,
      {
        hint: { do: 'look-at-key-service' },
      },
    )
  const bytes = (key: string) => new Uint8Array(Buffer.from(key, 'base64'))
  return sealSecrets(app, [bytes(first), bytes(second), bytes(third)], secrets)
}

/**
 * Asks an instance of the key service, which has no seat yet, for its worker's consent to one; `takeSeat`
 * takes it. Throws `forbidden` where the worker's provider gives no seat.
 */
export async function seatConsent(cloister: Cloister, lease: Hex): Promise<SeatConsent> {
  const { worker } = await getLease(cloister.chain, lease)
  const { stranger } = sessionOf(cloister, await cloister.index.worker(worker))
  const request = { path: '/v1/consent', signal: AbortSignal.timeout(EVIDENCE_MS) }
  return askService('The instance', stranger, lease, request, SeatConsent)
}

/** Checks a seat's machine, guest and manifest, and asks it something over its attested key. */
async function askSeat<T extends z.ZodType>(
  cloister: Cloister,
  seat: Seat,
  path: string,
  schema: T,
): Promise<z.infer<T>> {
  const record = await cloister.index.worker(seat.worker)
  const { tenant } = await getLease(cloister.chain, seat.lease)
  const about = { ...record, worker: seat.worker, lease: seat.lease, tenant }
  const session = sessionOf(cloister, about)
  // The quote is of this moment and the worker is covered: how long ago it last told the chain makes it no
  // worse.
  const policy = defaultPolicy(cloister.network.development)
  const { bundle, verdict } = await session.verify({ policy, facts: { attestedSecondsAgo: 0 } })
  requireMet(verdict)
  if (bundle.lease?.statement?.manifestHash !== seat.manifestHash)
    throw new CloisterError(
      'not-attested',
      `It runs another manifest than the key service’s, ${seat.manifestHash.slice(0, 10)}….`,
    )
  const request = { path, signal: AbortSignal.timeout(EVIDENCE_MS) }
  return askService(`Seat ${seat.index}`, session.worker, seat.lease, request, schema)
}
