import { bytes32, CloisterError, checkRequest } from '@cloister/core'
import type { Endpoint } from '../protocol/endpoint.ts'
import { RECEIPT_ID } from '../protocol/receipt.ts'
import type { Page } from './door.ts'
import type { Notary } from './notary.ts'
import type { Store } from './store.ts'
import type { Tally } from './tally.ts'
import type { Witness } from './witness.ts'

/** What the door's own pages are made of. */
export interface PageParts {
  endpoint: () => Endpoint
  /** Looks at the offer again, if it is time. */
  refresh: () => Promise<unknown>
  witness: Witness
  notary: Notary
  store: Store
  tally: Tally
  /** When the door began to serve, Unix seconds. */
  since: number
}

/** What the door tells about itself: who it is, its evidence, models, receipts, metrics. */
export function ownPages(parts: PageParts): Page[] {
  const { endpoint, witness, notary, store, tally } = parts
  return [
    ([first, ...more]) => (first === 'health' && more.length === 0 ? plain('ok\n') : undefined),
    ([first, ...more]) =>
      first === 'metrics' && more.length === 0
        ? tally.metrics().then(({ contentType, text }) => ({ type: contentType, text }))
        : undefined,
    ([v1, what, ...more], query) => {
      if (v1 !== 'v1') return undefined
      const [one, two] = more
      if (what === 'endpoint' && more.length === 0) return jsonOf(parts.refresh().then(endpoint))
      if (what === 'attestation' && more.length === 0) {
        const nonce = query.get('nonce')
        return jsonOf(nonce === null ? witness.current() : witness.attest(checkRequest(bytes32, nonce)))
      }
      if (what === 'evidence' && more.length === 1) return jsonOf(evidence(store, one))
      if (what === 'models') return jsonOf(parts.refresh().then(() => models(parts, more.join('/'))))
      if (what === 'receipts' && more.length === 1) return jsonOf(receipt(notary, one))
      if (what === 'anchors' && more.length === 2) return jsonOf(anchor(store, one, two))
      return undefined
    },
  ]
}

async function plain(text: string) {
  return { type: 'text/plain', text }
}

async function jsonOf(value: Promise<unknown>) {
  return { json: await value }
}

async function evidence(store: Store, digest: string | undefined): Promise<unknown> {
  const found = store.evidence(checkRequest(bytes32, digest))
  if (found === undefined) throw new CloisterError('not-found', 'There is no such evidence here.')
  return JSON.parse(found)
}

async function receipt(notary: Notary, id: string | undefined): Promise<unknown> {
  if (id === undefined || !RECEIPT_ID.test(id))
    throw new CloisterError('not-found', 'That is no receipt’s id.')
  return notary.receipt(id)
}

async function anchor(store: Store, era: string | undefined, index: string | undefined): Promise<unknown> {
  const isPlace = /^\d{1,20}$/.test(era ?? '') && /^\d{1,9}$/.test(index ?? '')
  const batch = isPlace ? store.batch(era as string, Number(index)) : undefined
  if (!batch) throw new CloisterError('not-found', 'There is no such batch of receipts here.')
  return { era, index: Number(index), root: batch.root, receipts: batch.receipts }
}

async function models({ endpoint, since }: PageParts, name: string): Promise<unknown> {
  const { options, offer, lease } = endpoint()
  const all = [options.model, ...(options.aliases ?? [])].map((id) => ({
    id,
    object: 'model',
    created: since,
    owned_by: 'cloister',
    context_length: options.contextLength,
    endpoints: options.endpoints,
    lease,
    ...(options.weights && { weights: options.weights.digest }),
    // Base units of the token for a million tokens.
    ...(offer && {
      pricing: { token: offer.token, input: offer.input, cached: offer.cached, output: offer.output },
    }),
  }))
  if (name === '') return { object: 'list', data: all }
  const found = all.find(({ id }) => id === name || encodeURIComponent(id) === name)
  if (!found)
    throw new CloisterError('not-found', 'That model is not served here.', { details: { param: 'model' } })
  return found
}
