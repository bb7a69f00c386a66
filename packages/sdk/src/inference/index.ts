/** Models: what is offered, asking them in confidence, paying for them, and offering one. */
import type { Cloister } from '../cloister.ts'
import { ConfidentialModels, type ConfidentialParameters } from './confidential-models.ts'

export {
  checkEndpointOptions as checkOptions,
  inferenceManifest as manifestOf,
} from '@cloister/inference/protocol'
export { apply } from './apply/apply.ts'
export { plan } from './apply/plan.ts'
export { chat } from './chat.ts'
export { deploy, offer } from './deploy.ts'
export { createKey, keyOf, keys, revokeKey } from './keys.ts'
export { list, prices } from './offers.ts'
export { fund, purse, withdraw } from './purse.ts'

/**
 * What asks models in confidence, for programs that want more than a `fetch`: which endpoint it is, and
 * answers piece by piece. Asks nothing yet.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * const client = models.confidential(cloister, { model: 'qwen3-8b', apiKey: 'sk-clo-…' })
 * const { worker, simulated } = await client.endpoint()
 * ```
 */
export function confidential(
  cloister: Cloister,
  parameters: ConfidentialParameters = {},
): ConfidentialModels {
  return new ConfidentialModels(cloister, parameters)
}
