import { ENDPOINT_PATHS, type EndpointKind } from '@cloister/inference/protocol'

/** The form in which clients of a path expect models and errors. */
export type Dialect = 'openai' | 'anthropic'

/** What a path of the door's asks for. */
export type Asked =
  /** An inference: goes to an endpoint of the body's model that serves this. `route`: the path. */
  | { what: 'inference'; kind: EndpointKind; dialect: Dialect; route: string }
  | { what: 'models'; id: string | undefined }
  /** A receipt, by an id that says whose it is. */
  | { what: 'receipt'; id: string }
  /** A signature, by the id of an answer. */
  | { what: 'signature'; id: string }
  /** An endpoint's word of itself. */
  | { what: 'endpoint' }

const KINDS = new Map<string, EndpointKind>(
  Object.entries(ENDPOINT_PATHS).map(([kind, path]) => [path, kind as EndpointKind]),
)
const COUNT_TOKENS = `${ENDPOINT_PATHS.messages}/count_tokens`
const OF_ENDPOINTS = new Set([
  '/v1/endpoint',
  '/v1/attestation',
  '/v1/attestation/report',
  '/v1/aci/attestation',
])
const RECEIPT = /^\/v1\/(?:aci\/)?receipts\/([\w-]{1,100})$/
const SIGNATURE = /^\/v1\/signature\/([\w.:-]{1,200})$/
const MODEL = /^\/v1\/models(?:\/([\x21-\x7e]{1,400}))?$/

/** What a path asks for; undefined for one that isn't the door's. `path`: without a query. */
export function readPath(path: string): Asked | undefined {
  if (!path.startsWith('/v1/')) return undefined
  const kind = KINDS.get(path) ?? (path === COUNT_TOKENS ? 'messages' : undefined)
  if (kind)
    return { what: 'inference', kind, dialect: kind === 'messages' ? 'anthropic' : 'openai', route: path }
  if (OF_ENDPOINTS.has(path)) return { what: 'endpoint' }
  const model = MODEL.exec(path)
  if (model) return { what: 'models', id: decoded(model[1]) }
  const receipt = RECEIPT.exec(path)?.[1]
  if (receipt !== undefined) return { what: 'receipt', id: receipt }
  const signature = SIGNATURE.exec(path)?.[1]
  return signature === undefined ? undefined : { what: 'signature', id: signature }
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text)
  } catch {
    return text
  }
}
