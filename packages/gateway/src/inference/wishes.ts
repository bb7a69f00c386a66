import * as z from 'zod'

/** What a client wishes of the endpoint that answers. Names: see `isNamed`. */
export interface Wishes {
  /** Those to be asked before others, the first first. */
  order: readonly string[]
  /** Nobody else, where there are any. */
  only: readonly string[]
  ignore: readonly string[]
  sort: 'price' | 'latency' | 'load' | undefined
  /** Others than those in `order` may be asked. */
  mayFallBack: boolean
  /** Whole tokens of the offer's currency for a million tokens of input and of output. */
  maxInput: number | undefined
  maxOutput: number | undefined
  /** None whose engine is outside of its lease. */
  insideOnly: boolean
  /** These weights and no others: `sha256:…`. */
  weights: string | undefined
}

export const NO_WISHES: Wishes = {
  order: [],
  only: [],
  ignore: [],
  sort: undefined,
  mayFallBack: true,
  maxInput: undefined,
  maxOutput: undefined,
  insideOnly: false,
  weights: undefined,
}

const names = z.array(z.string().min(1).max(100).toLowerCase()).max(64).optional()
const price = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,12}(?:\.\d{1,12})?$/)
      .transform(Number),
  ])
  .refine((value) => value >= 0, 'not a price')
  .optional()

/** `provider` in a body, by OpenRouter's names; members that mean nothing here are passed over. */
const ProviderObject = z.object({
  order: names,
  only: names,
  ignore: names,
  sort: z.enum(['price', 'latency', 'throughput']).nullish(),
  allow_fallbacks: z.boolean().optional(),
  data_collection: z.enum(['allow', 'deny']).optional(),
  max_price: z.object({ prompt: price, completion: price }).optional(),
})

const WEIGHTS = /^sha256:[0-9a-f]{64}$/
const MAX_PRICE = /^(\d{1,12}(?:\.\d{1,12})?)(?:\/(\d{1,12}(?:\.\d{1,12})?))?$/

/**
 * Reads what a client wishes: `provider`, the object in its body; `cloister-max-price: 0.5/1.5`, a price of
 * input and one of output; `cloister-weights: sha256:…`. Of two limits the lower one counts. Returns what is
 * wrong, in words.
 */
export function readWishes(
  provider: unknown,
  { maxPrice, weights }: { maxPrice: string | undefined; weights: string | undefined },
): Wishes | string {
  if (provider === undefined && maxPrice === undefined && weights === undefined) return NO_WISHES
  if (weights !== undefined && !WEIGHTS.test(weights)) return '`cloister-weights` is no digest: sha256:…'
  const parsed = ProviderObject.safeParse(provider ?? {})
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return `\`provider\` is wrong at ${issue?.path.join('.') || 'its root'}: ${issue?.message}`
  }
  const limit = maxPrice === undefined ? undefined : MAX_PRICE.exec(maxPrice)
  if (limit === null) return '`cloister-max-price` is a price, or two with a slash between: 0.5/1.5'
  const { order, only, ignore, sort, allow_fallbacks, data_collection, max_price } = parsed.data
  return {
    order: order ?? [],
    only: only ?? [],
    ignore: ignore ?? [],
    sort: sort === 'throughput' ? 'load' : (sort ?? undefined),
    mayFallBack: allow_fallbacks ?? true,
    maxInput: lower(max_price?.prompt, limit?.[1]),
    insideOnly: data_collection === 'deny',
    weights,
    maxOutput: lower(max_price?.completion, limit?.[2] ?? limit?.[1]),
  }
}

function lower(one: number | undefined, text: string | undefined): number | undefined {
  if (text === undefined) return one
  return one === undefined ? Number(text) : Math.min(one, Number(text))
}
