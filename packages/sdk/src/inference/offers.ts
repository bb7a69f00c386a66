import { findToken, getKey, getStandingOffers, type OfferAnnounced } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import {
  type EndpointOptions,
  isApiKey,
  isFree,
  parseApiKey,
  readEndpointOptions,
} from '@cloister/inference/protocol'
import type { Address, Hex } from 'viem'
import type { Cloister } from '../cloister.ts'
import { inOrder, type PriceLimits } from './choose.ts'

const DEFAULT_TOKEN = 'USDC'

/** An offer whose options can be read: what is served, and what it costs. */
export interface ModelOffer extends Omit<OfferAnnounced, 'options'> {
  options: EndpointOptions
}

/** A model, with all that offer it. */
export interface ModelSummary {
  model: string
  /** How many endpoints offer it. */
  offers: number
  /** Prices of the cheapest, by token: base units for a million tokens. */
  cheapest: { token: Address; input: bigint; cached: bigint; output: bigint }[]
  contextLength: number
  weights: string | undefined
}

/** What is asked of offers. */
export interface WantedModel {
  model: string
  /** Base units of `token` for a million tokens, at most. */
  maxPrice?: PriceLimits | undefined
  /** A token's symbol; the API key's, or else USDC where the network has it. */
  token?: string | undefined
  apiKey?: string | undefined
}

/**
 * The offers of a model that stand, the cheapest first; of all models, if none is named. By the chain's word
 * alone. What their leases run is proven only once one is verified. Throws `chain-unreachable`.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * for (const { lease, input, output } of await models.prices(cloister, 'qwen3-8b'))
 *   console.log(lease, input, output)
 * ```
 */
export async function prices({ chain }: Cloister, model?: string): Promise<ModelOffer[]> {
  const offers = (await getStandingOffers(chain)).flatMap((offer) => {
    const options = readOr(offer.options)
    return options ? [{ ...offer, options }] : []
  })
  return offers
    .filter(({ options }) => model === undefined || serves(options, model))
    .sort((one, other) => Number(costOf(one) - costOf(other)))
}

/**
 * The models that are offered, with what the cheapest costs. Throws `chain-unreachable`.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * for (const { model, offers } of await models.list(cloister)) console.log(model, offers)
 * ```
 */
export async function list(cloister: Cloister): Promise<ModelSummary[]> {
  const found = new Map<string, ModelSummary>()
  for (const offer of await prices(cloister)) {
    const { model, contextLength, weights } = offer.options
    const known = found.get(model) ?? {
      model,
      offers: 0,
      cheapest: [],
      contextLength,
      weights: weights?.digest,
    }
    known.offers++
    known.contextLength = Math.max(known.contextLength, contextLength)
    if (!known.cheapest.some(({ token }) => token === offer.token)) {
      const { token, input, cached, output } = offer
      known.cheapest.push({ token, input, cached, output })
    }
    found.set(model, known)
  }
  return [...found.values()].sort((one, other) => (one.model < other.model ? -1 : 1))
}

/**
 * Leases that serve a model, in the order to try them: offers that cost nothing, or are in the token that is
 * paid with. Throws `not-found` where there are none, `unknown-token` or `bad-key`.
 */
export async function candidatesFor(cloister: Cloister, wanted: WantedModel): Promise<Hex[]> {
  const { model, maxPrice, token, apiKey } = wanted
  const [offers, paying] = await Promise.all([
    prices(cloister, model),
    payingToken(cloister, { token, apiKey }),
  ])
  const payable = offers.filter((offer) => isFree(offer) || (paying !== undefined && offer.token === paying))
  const order = inOrder(payable, maxPrice)
  if (order.length > 0) return order
  const [first] = offers
  throw new CloisterError(
    'not-found',
    first
      ? `${offers.length} endpoints offer ${model}, none of them at such a price or in the token that is paid with.`
      : `Nobody offers the model ${model.slice(0, 128)}.`,
    { hint: { do: 'list-models' } },
  )
}

/** The token that answers are paid with. */
async function payingToken(
  { chain, network }: Cloister,
  { token, apiKey }: Pick<WantedModel, 'token' | 'apiKey'>,
): Promise<Address | undefined> {
  if (token !== undefined) return findToken(network, token).address
  if (apiKey !== undefined && isApiKey(apiKey)) {
    const known = await getKey(chain, parseApiKey(apiKey).address)
    if (known) return known.token
  }
  return network.tokens.find(({ symbol }) => symbol === DEFAULT_TOKEN)?.address
}

function serves({ model, aliases = [] }: EndpointOptions, name: string): boolean {
  return model === name || aliases.includes(name)
}

function costOf({ input, output }: Pick<ModelOffer, 'input' | 'output'>): bigint {
  return 3n * input + output
}

function readOr(text: string): EndpointOptions | undefined {
  try {
    return readEndpointOptions(text)
  } catch {
    return undefined
  }
}
