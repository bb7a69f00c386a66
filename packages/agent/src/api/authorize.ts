import { type Chain, isSignedBy } from '@cloister/chain'
import {
  bodyHash,
  CloisterError,
  decodeAuthorization,
  REQUEST_LIFETIME_SECONDS,
  requestTypedData,
} from '@cloister/core'
import type { Address } from 'viem'
import type { Store } from '../store.ts'

/** A request as it came in. `path` with its query. */
export interface IncomingCall {
  method: string
  path: string
  authorization: string | undefined
  body: Uint8Array
}

/**
 * Checks that a request was signed by `tenant` for this worker, now, and was not seen before. EOA or
 * ERC-1271. Throws `unauthorized` (nobody's signature), `repeated` (one that was used) or `forbidden`
 * (somebody else's).
 */
export async function authorize(
  call: IncomingCall,
  tenant: Address,
  parts: { chain: Chain; key: { address: Address }; store: Store },
): Promise<void> {
  const { chain, key, store } = parts
  const authorization = decodeAuthorization(call.authorization)
  if (!authorization)
    throw new CloisterError('unauthorized', 'The request carries no signature.', {
      hint: "Sign it as the lease's tenant; `cloister` does.",
    })
  const now = Math.floor(Date.now() / 1000)
  if (Math.abs(now - authorization.issuedAt) > REQUEST_LIFETIME_SECONDS)
    throw new CloisterError('unauthorized', 'The signature is too old, or from the future.', {
      hint: 'Check the clock of this machine.',
    })
  if (authorization.tenant !== tenant)
    throw new CloisterError('forbidden', 'Only the tenant of a lease may do that.')
  const { signature, ...signed } = authorization
  const request = {
    ...signed,
    worker: key.address,
    method: call.method,
    path: call.path,
    bodyHash: bodyHash(call.body),
  }
  if (!(await isSignedBy(chain, tenant, signature, requestTypedData(request, chain.network.chainId))))
    throw new CloisterError('unauthorized', "The signature is not the tenant's, or not of this request.")
  // Last, so that nobody else can use a tenant's nonces up.
  if (
    !store.useNonce(
      `${tenant}/${authorization.nonce}`,
      authorization.issuedAt + 2 * REQUEST_LIFETIME_SECONDS,
      now,
    )
  )
    throw new CloisterError('repeated', 'The request was made before.')
}
