import type { Network } from '@cloister/chain'
import { questionOf, refusalOf, responseOf } from '@cloister/inference/client'
import type { Send } from '@cloister/transport/web'
import { type Cloister, createCloister } from '../cloister.ts'
import { ConfidentialModels, type ConfidentialParameters } from './confidential-models.ts'

/** A network, or what is connected to one. */
export type ConfidentialFetchParameters = ConfidentialParameters &
  ({ cloister: Cloister } | { network: Network; send?: Send })

/**
 * A `fetch` whose requests only an attested worker can read: for the clients of OpenAI and Anthropic, or
 * anything else that takes one. The endpoint is of this client's choice and is verified before anything is
 * sealed to its key, again every ten minutes, and whenever its key changed; another one takes its place where
 * it doesn't answer. Of a request's URL the path counts, from `/v1/` on. `GET /v1/models` is answered out of
 * the evidence. Runs in Node and in browsers. The fetch rejects with `not-attested` where no endpoint is to
 * be trusted, and reading an answer with `not-sealed-for-us` where it was cut off or changed.
 *
 * @example
 * ```ts
 * import { createConfidentialFetch, readNetwork } from '@cloister/sdk'
 *
 * const network = readNetwork(description)
 * const confidential = createConfidentialFetch({ network, model: 'qwen3-8b', apiKey: 'sk-clo-…' })
 * // new OpenAI({ baseURL: `${network.gatewayUrl}/v1`, apiKey: 'inside', fetch: confidential })
 * const answer = await confidential('/v1/chat/completions', { method: 'POST', body: '{}' })
 * ```
 */
export function createConfidentialFetch(parameters: ConfidentialFetchParameters): typeof fetch {
  const cloister =
    'cloister' in parameters
      ? parameters.cloister
      : createCloister({
          network: parameters.network,
          ...(parameters.send && { send: parameters.send }),
        })
  const models = new ConfidentialModels(cloister, parameters)
  return async (input, init) => {
    const question = await questionOf(input, init)
    try {
      if (question.method === 'GET' && question.path === '/v1/models')
        return Response.json(modelList((await models.endpoint()).options))
      return responseOf(await models.ask(question))
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal) return refusal
      throw error
    }
  }
}

/** Names of one endpoint's models, in OpenAI's form. */
function modelList({ model, aliases = [] }: { model: string; aliases?: readonly string[] | undefined }) {
  const data = [model, ...aliases].map((id) => ({ id, object: 'model', created: 0, owned_by: 'cloister' }))
  return { object: 'list', data }
}
