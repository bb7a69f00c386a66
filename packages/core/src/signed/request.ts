import { type Address, type Hex, sha256 } from 'viem'
import * as z from 'zod'
import { fromBase64Url, textOf, toBase64Url, utf8 } from '../bytes.ts'
import { address, bytes32, hexBytes } from '../shapes.ts'

/** Seconds a signed request may be old or from the future. */
export const REQUEST_LIFETIME_SECONDS = 60

/** A tenant's request to a worker, as it is signed. Bound to the worker, method, path with query and body. */
export interface SignedRequest {
  tenant: Address
  worker: Address
  method: string
  /** Path with query. */
  path: string
  /** SHA-256 of the body; of no bytes where there is none. */
  bodyHash: Hex
  /** Unix seconds. */
  issuedAt: number
  nonce: Hex
}

/** EIP-712 types of a request. No contract reads it. */
export const REQUEST_TYPES = {
  Request: [
    { name: 'tenant', type: 'address' },
    { name: 'worker', type: 'address' },
    { name: 'method', type: 'string' },
    { name: 'path', type: 'string' },
    { name: 'bodyHash', type: 'bytes32' },
    { name: 'issuedAt', type: 'uint64' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const

/** What `signTypedData` is given to sign a request. */
export function requestTypedData(request: SignedRequest, chainId: number) {
  return {
    domain: { name: 'Cloister Request', version: '1', chainId },
    types: REQUEST_TYPES,
    primaryType: 'Request' as const,
    message: { ...request, issuedAt: BigInt(request.issuedAt) },
  }
}

/** SHA-256 of a body. */
export function bodyHash(body: Uint8Array | string): Hex {
  return sha256(typeof body === 'string' ? utf8(body) : body)
}

const Authorization = z.strictObject({
  tenant: address,
  issuedAt: z
    .int()
    .min(0)
    .max(2 ** 48),
  nonce: bytes32,
  signature: hexBytes,
})

/** What the `authorization` header carries; the rest of the request is what the worker sees. */
export type Authorization = z.infer<typeof Authorization>

const SCHEME = 'Cloister '

/** The value of the `authorization` header: `Cloister` and base64url JSON. */
export function encodeAuthorization(authorization: Authorization): string {
  return SCHEME + toBase64Url(utf8(JSON.stringify(authorization)))
}

/** Reads an untrusted `authorization` header; undefined if it isn't ours or is malformed. */
export function decodeAuthorization(header: string | undefined): Authorization | undefined {
  if (!header?.startsWith(SCHEME) || header.length > 4096) return undefined
  try {
    return Authorization.safeParse(JSON.parse(textOf(fromBase64Url(header.slice(SCHEME.length))))).data
  } catch {
    return undefined
  }
}
