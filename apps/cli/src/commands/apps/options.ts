import type { Globals } from '../../command.ts'
import type { ManifestOptions } from '../../options.ts'

/** What of an app's policy to change. */
export interface PolicyOptions extends Globals, ManifestOptions {
  measurement?: string[]
  cluster?: string
  size?: string
}
