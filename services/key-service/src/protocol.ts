// What the key service's HTTP interface takes and says. Whoever asks is a stranger to it, and it is one to
// them. An instance answers `GET /v1/consent` too, with its worker's `SeatConsent`.
import { bytes32, fromBase64, purposeDigest } from '@cloister/core'
import { WorkerEvidence } from '@cloister/workload/wire'
import { bytesToHex, type Hex } from 'viem'
import * as z from 'zod'

const key = z.base64().length(44)

/** `GET /v1/state`: how an instance is doing. */
export const InstanceState = z.object({
  lease: bytes32,
  /** Its seat; absent while it has none. */
  seat: z.int().min(0).max(2).optional(),
  /** It gives keys. */
  open: z.boolean(),
  /** Names of the parts that are known to exist, by part; see `checkOf`. */
  checks: z.partialRecord(z.enum(['0', '1', '2']), bytes32),
})
export type InstanceState = z.infer<typeof InstanceState>

/** `GET /v1/challenge`: a number that the next request's quote has to hold. Good for a minute, once. */
export const Challenge = z.object({ challenge: bytes32 })

/** `GET /v1/apps/{app}/keys`: an app's public keys, by the parts that this seat holds. */
export const AppPublicKeys = z.object({
  seat: z.int().min(0).max(2),
  keys: z.partialRecord(z.enum(['0', '1', '2']), key),
})
export type AppPublicKeys = z.infer<typeof AppPublicKeys>

/** `POST /v1/release`: an app's keys for what a lease is about to run. */
export const ReleaseRequest = z.strictObject({
  app: bytes32,
  lease: bytes32,
  /** What the worker starts with the keys, and with nothing else: SHA-256 of the canonical manifest. */
  manifestHash: bytes32,
  challenge: bytes32,
  /** X25519, raw: the answer is sealed to it. */
  transportKey: key,
  evidence: WorkerEvidence,
})
export type ReleaseRequest = z.infer<typeof ReleaseRequest>
/** What is asked, less the evidence about who asks. */
export type ReleaseQuestion = Omit<ReleaseRequest, 'evidence'>

/** Private keys by part, sealed to the transport key. */
export const ReleaseAnswer = z.object({ seat: z.int().min(0).max(2), sealed: z.base64().max(10_000) })

/** What is inside of a `ReleaseAnswer`. */
export const ReleasedKeys = z.partialRecord(z.enum(['0', '1', '2']), key)

/** `POST /v1/exchange`: what one seat asks another. */
export const ExchangeRequest = z.strictObject({
  seat: z.int().min(0).max(2),
  challenge: bytes32,
  transportKey: key,
  evidence: WorkerEvidence,
})
export type ExchangeRequest = z.infer<typeof ExchangeRequest>

/** The answer, sealed, and a quote about whoever sealed it. */
export const ExchangeAnswer = z.object({ sealed: z.base64().max(10_000), evidence: WorkerEvidence })
export type ExchangeAnswer = z.infer<typeof ExchangeAnswer>

/** What is inside of an `ExchangeAnswer`. */
export const Exchange = z.object({
  /** The secret of the part that both seats hold, if it has it: base64. */
  part: key.optional(),
  checks: z.partialRecord(z.enum(['0', '1', '2']), bytes32),
  /** It has both its parts and knows all three checks. */
  complete: z.boolean(),
})
export type Exchange = z.infer<typeof Exchange>

/**
 * Second half of the report data of a worker that asks for an app's keys: it says for what, so that no other
 * answer is one.
 */
export function releaseFreshness({
  challenge,
  app,
  lease,
  manifestHash,
  transportKey,
}: ReleaseQuestion): Hex {
  return purposeDigest('cloister key release', [challenge, app, lease, manifestHash, hexOf(transportKey)])
}

/**
 * What keys are sealed for when they are given out: they open for what they were asked for and for nothing
 * else.
 */
export function releaseContext({ challenge, app, lease, manifestHash }: ReleaseQuestion): string {
  return `release ${app} ${lease} ${manifestHash} ${challenge}`
}

/** What a seat has quoted when it asks another. */
export function exchangeData({ seat, challenge, transportKey }: Omit<ExchangeRequest, 'evidence'>): Hex {
  return purposeDigest('cloister key exchange', [`0x0${seat}`, challenge, hexOf(transportKey)])
}

/** What a seat has quoted when it answers: the asker's fresh key, and the answer. */
export function exchangeAnswerData(transportKey: string, sealed: string): Hex {
  return purposeDigest('cloister key exchange answer', [hexOf(transportKey), hexOf(sealed)])
}

function hexOf(base64: string): Hex {
  return bytesToHex(fromBase64(base64))
}
