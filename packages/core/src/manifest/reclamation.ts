import { parseDurationMs } from '../units.ts'
import type { Field } from './field.ts'
import type { Manifest } from './manifest.ts'

/**
 * `reclamation: { min_window: 24h }`, as SDL has it (Akash, AEP-82), and Compose as `x-reclamation`: how long
 * before the end a provider has to say so, at least. Whoever accepts little can be served for less.
 */
export function readReclamation(root: Field | undefined, manifest: Manifest): void {
  if (!root || root.isNull) return
  let seconds = 0
  root.knownFields({
    min_window: (field) => void (seconds = Math.ceil(field.parse(parseDurationMs) / 1000)),
  })
  if (seconds <= 0) root.fail('min_window: a time above zero, such as 24h')
  manifest.demands = { ...manifest.demands, noticeSeconds: seconds }
}
