import { createHash } from 'node:crypto'

/** The family of development platforms. */
export const FMSPC = 'c10157e20000'
/** Component SVNs of a development platform that is up to date, and of its TDX module. */
export const NEWEST_SVNS = [5, 5, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0] as const
export const TEE_TCB_SVN = [6, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] as const
/**
 * MRSIGNER of Intel's quoting enclave for TDX, which contracts and endorsements name; a development enclave
 * claims it too.
 */
export const QE_SIGNER = 'dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5'

/** Measurements of a guest, 48 bytes each. */
export interface GuestMeasurements {
  mrtd: Uint8Array
  rtmr: [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
}

/** The guest that development platforms run: measurements of nothing but its name. */
export function developmentGuest(name = 'cloister development guest'): GuestMeasurements {
  const register = (part: string) => new Uint8Array(createHash('sha384').update(`${name}: ${part}`).digest())
  return {
    mrtd: register('firmware'),
    rtmr: [
      register('virtual hardware'),
      register('kernel'),
      register('command line and initial disk'),
      new Uint8Array(48),
    ],
  }
}

/** A guest's measurements under the names that verdicts have. */
export function measurementsOf({ mrtd, rtmr }: GuestMeasurements): Record<string, string> {
  const named = { mrtd, rtmr0: rtmr[0], rtmr1: rtmr[1], rtmr2: rtmr[2], rtmr3: rtmr[3] }
  return Object.fromEntries(
    Object.entries(named).map(([name, bytes]) => [name, Buffer.from(bytes).toString('hex')]),
  )
}
