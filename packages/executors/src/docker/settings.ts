import type { WayOutLimits } from '../network/limits.ts'
import type { ImageSettings } from '../oci/find.ts'
import type { LendableGpu } from './gpus.ts'

export interface DockerSettings {
  /** Path of the engine's socket. */
  socketPath: string
  /**
   * Tells this worker's containers from others' on the same engine: 1 to 16 lower-case letters and digits.
   */
  scope: string
  /** Folder for files that are mounted into containers. */
  folder: string
  images: ImageSettings
  /** The machine's GPUs that containers get theirs from; any, in the order of its buses, if not given. */
  gpus?: readonly LendableGpu[]
  /** How much of the internet a lease gets; `off` for none. */
  wayOut?: WayOutLimits | 'off'
}
