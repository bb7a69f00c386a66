import type { Endpoint, Price } from './endpoint.ts'
import { weighedPrice } from './endpoint.ts'
import type { Dialect } from './paths.ts'

/** Models that are offered, as clients of a dialect list them. */
export function modelList(models: ReadonlyMap<string, readonly Endpoint[]>, dialect: Dialect): object {
  const names = [...models.keys()].sort()
  const data = names.map((name) => modelObject(name, models.get(name) ?? [], dialect))
  return dialect === 'anthropic'
    ? { data, has_more: false, first_id: names[0] ?? null, last_id: names.at(-1) ?? null }
    : { object: 'list', data }
}

/**
 * One model. Of what its endpoints differ in, it has the lowest price and the shortest context, and below
 * `endpoints` all of them.
 */
export function modelObject(name: string, endpoints: readonly Endpoint[], dialect: Dialect): object {
  const since = Math.min(...endpoints.map((endpoint) => endpoint.since))
  if (dialect === 'anthropic')
    return {
      type: 'model',
      id: name,
      display_name: name,
      created_at: new Date(since * 1000).toISOString(),
    }
  const cheapest = endpoints.reduce((least, one) => (weighedPrice(one) < weighedPrice(least) ? one : least))
  return {
    id: name,
    object: 'model',
    created: since,
    owned_by: 'cloister',
    context_length: Math.min(...endpoints.map(({ contextLength }) => contextLength)),
    ...(cheapest.price && { pricing: pricing(cheapest.price, cheapest.currency) }),
    endpoints: endpoints.map(({ lease, record, kinds, weights, isInside, price, currency, standing }) => ({
      lease,
      provider: record.provider,
      worker: record.worker,
      endpoints: kinds,
      weights: weights ?? null,
      engine_inside: isInside,
      ...(price && { pricing: pricing(price, currency) }),
      state: standing.state,
    })),
  }
}

/** Prices of one token, as text, by OpenRouter's names. */
function pricing({ input, cached, output }: Price, currency: string | undefined): object {
  const ofOne = (perMillion: number) => String(perMillion / 1_000_000)
  return {
    prompt: ofOne(input),
    completion: ofOne(output),
    input_cache_read: ofOne(cached),
    ...(currency !== undefined && { currency }),
  }
}
