import { CloisterError, textOf } from '@cloister/core'
import {
  ConfidentialClient,
  type EndpointDemands,
  Endpoints,
  type Question,
  type ReceiptOutcome,
  type SealedAnswer,
  type VerifiedEndpoint,
  verifyEndpoint,
} from '@cloister/inference/client'
import type { Hex } from 'viem'
import type { Cloister } from '../cloister.ts'
import { routesOf } from '../leases/lease.ts'
import type { PriceLimits } from './choose.ts'
import { candidatesFor } from './offers.ts'

/** Models that a client asks for at the same time. */
const MOST_MODELS = 256
const MODEL_NAME = /^[\x21-\x7e]{1,128}$/

/** Whom to ask, in confidence, and what is demanded of them. */
export interface ConfidentialParameters extends EndpointDemands {
  /** The model, by its name in offers; the one that each request names, if neither is given. */
  model?: string | undefined
  /** The endpoint, by its lease; the client's choice at random among the cheapest, if not given. */
  lease?: Hex | undefined
  /** Goes inside of the sealed requests, in place of what the caller sends as its key. */
  apiKey?: string | undefined
  /** What offers may cost at most, in base units of `token` for a million tokens. */
  maxPrice?: PriceLimits | undefined
  /** The token of offers, by its symbol; the API key's, or else USDC where the network has it. */
  token?: string | undefined
  /** Base address of whoever passes requests on; the network's gateway, if not given. Never believed. */
  url?: string | undefined
  /** Milliseconds that an endpoint's evidence holds before it is asked for anew; 10 minutes, if not given. */
  goodForMs?: number | undefined
  /** Hears of each endpoint that was verified, before anything is sealed to it. */
  onEndpoint?: ((endpoint: VerifiedEndpoint) => void) | undefined
  /** Hears of the receipt of each answer that was read to its end; without it none is fetched. */
  onReceipt?: ((outcome: ReceiptOutcome) => void) | undefined
}

/**
 * Asks models in confidence: each by an endpoint of the client's own choice, verified before anything is
 * sealed to it. `models.confidential` makes one.
 *
 * @example
 * ```ts
 * import { type ConfidentialModels, models } from '@cloister/sdk'
 *
 * const client: ConfidentialModels = models.confidential(cloister, { apiKey: 'sk-clo-…' })
 * const { worker, simulated } = await client.endpoint('qwen3-8b')
 * ```
 */
export class ConfidentialModels {
  private readonly cloister: Cloister
  private readonly parameters: ConfidentialParameters
  private readonly clients = new Map<string, { endpoints: Endpoints; client: ConfidentialClient }>()

  constructor(cloister: Cloister, parameters: ConfidentialParameters) {
    this.cloister = cloister
    this.parameters = parameters
  }

  /**
   * The endpoint's answer to a request, opened as it comes. Throws `bad-request` where nothing names a model,
   * `not-attested` where no endpoint is to be trusted, `not-found` where none serves the model.
   */
  async ask(question: Question): Promise<SealedAnswer> {
    return this.of(this.parameters.model ?? modelIn(question)).client.ask(question)
  }

  /** The endpoint that a model's requests go to, verified. Throws as `ask` does. */
  async endpoint(model = this.parameters.model): Promise<VerifiedEndpoint> {
    return this.of(model).endpoints.get()
  }

  private of(model: string | undefined) {
    const { lease } = this.parameters
    if (lease === undefined && model === undefined)
      throw new CloisterError(
        'bad-request',
        'The request names no model, and nothing else says which to ask.',
        {
          hint: 'Name it as `model` in the request’s JSON, or where the client is made.',
        },
      )
    const name = lease ?? model ?? ''
    const known = this.clients.get(name)
    if (known) return known
    const [oldest] = this.clients.keys()
    if (this.clients.size >= MOST_MODELS && oldest !== undefined) this.clients.delete(oldest)
    const made = this.make(lease, model)
    this.clients.set(name, made)
    return made
  }

  private make(lease: Hex | undefined, model = '') {
    const { cloister } = this
    const { chain, network } = cloister
    const { apiKey, url, goodForMs, onEndpoint, onReceipt, ...others } = this.parameters
    const { maxPrice, token, policy, images, engineImages, allowEngineElsewhere } = others
    const demands = { goodForMs, policy, images, engineImages, allowEngineElsewhere }
    const verify = (chosen: Hex, through: string) =>
      verifyEndpoint(chain, chosen, { ...demands, way: { url: through, send: cloister.send } })
    const endpoints = new Endpoints({
      candidates: async () =>
        lease === undefined ? candidatesFor(cloister, { model, maxPrice, token, apiKey }) : [lease],
      verify: (chosen) =>
        verify(chosen, url ?? network.gatewayUrl).catch(async (error) => {
          // A gateway leads to what is offered; the others have an address of their own.
          const own = lease === undefined || url !== undefined ? undefined : await addressOf(cloister, lease)
          if (own === undefined || isJudged(error)) throw error
          return verify(chosen, own)
        }),
      onEndpoint,
    })
    return { endpoints, client: new ConfidentialClient({ chain, endpoints, apiKey, onReceipt }) }
  }
}

/** Whether an endpoint was looked at, and won't do. */
function isJudged(error: unknown): boolean {
  return error instanceof CloisterError && (error.code === 'not-attested' || error.code === 'not-running')
}

/** A lease's own address, if it has one. */
async function addressOf(cloister: Cloister, lease: Hex): Promise<string | undefined> {
  const routes = await routesOf(cloister, lease).catch(() => [])
  const route = routes.find(({ protocol }) => protocol === 'http')
  return route?.loopbackUrl ?? route?.url
}

/** The model that a request's JSON names. */
function modelIn({ body }: Question): string | undefined {
  try {
    const { model } = JSON.parse(textOf(body)) as { model?: unknown }
    return typeof model === 'string' && MODEL_NAME.test(model) ? model : undefined
  } catch {
    return undefined
  }
}
