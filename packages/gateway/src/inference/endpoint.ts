import type { LeaseRecord } from '@cloister/core'
import type { EndpointKind } from '@cloister/inference/protocol'
import type { Standing } from './standing.ts'

/** What an endpoint takes, in whole tokens of its offer's currency for a million tokens. */
export interface Price {
  input: number
  cached: number
  output: number
}

/** A lease that answers for a model. */
export interface Endpoint {
  lease: string
  /** The model's name, and further ones that mean it. */
  models: readonly string[]
  kinds: readonly EndpointKind[]
  contextLength: number
  /** Requests that its engine is given at once; as many again wait there. */
  concurrency: number
  /** Its engine runs in the lease, with no way out: prompts don't leave it. */
  isInside: boolean
  /** `sha256:…`; undefined where its options name none. */
  weights: string | undefined
  /** Undefined where it is in a token of which nothing is known here. */
  price: Price | undefined
  /** Symbol of that token. */
  currency: string | undefined
  /** Unix seconds. */
  since: number
  record: LeaseRecord
  /** Its worker is, by an attestation; Unix seconds. */
  coveredUntil: number
  /** When that was looked up, on a clock that never goes back. */
  lookedUpAt: number
  standing: Standing
}

/** Input weighs as it does in most conversations: three tokens for one of output. */
const INPUT_WEIGHT = 3

/** One number to compare prices by; the largest where there is none. */
export function weighedPrice({ price }: Endpoint): number {
  return price ? price.input * INPUT_WEIGHT + price.output : Number.POSITIVE_INFINITY
}

/** Whether it is offered to everybody; else somebody named its lease. */
export function isOffered({ models }: Endpoint): boolean {
  return models.length > 0
}

/** Whether a name means an endpoint: its lease's id, short id or name, its worker's or provider's address. */
export function isNamed({ record }: Endpoint, name: string): boolean {
  return (
    name === record.lease ||
    name === record.shortId ||
    name === record.provider.toLowerCase() ||
    name === record.worker.toLowerCase() ||
    (record.name !== undefined && name === record.name)
  )
}
