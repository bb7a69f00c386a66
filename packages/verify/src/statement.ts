import * as z from 'zod'
import { bytes32, hex, seconds } from './shapes.ts'

/** What a worker says it runs for a lease, signed by the key that its quote binds. */
export const RunStatement = z.object({
  lease: bytes32,
  /** SHA-256 of the canonical manifest that runs. */
  manifestHash: bytes32,
  /** Digest of each service's image, by service. */
  images: z.record(z.string().max(64), z.string().max(128)),
  /** Unix seconds. */
  instant: seconds,
  signature: hex,
})
export type RunStatement = z.infer<typeof RunStatement>
