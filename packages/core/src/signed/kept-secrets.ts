import type { Hex } from 'viem'

/** EIP-712 types of sealed secrets that are kept beside new ones. No contract reads it. */
export const KEPT_SECRETS_TYPES = {
  KeptSecrets: [
    { name: 'app', type: 'bytes32' },
    { name: 'added', type: 'bytes32' },
    { name: 'kept', type: 'bytes32[]' },
  ],
} as const

/**
 * What whoever sealed secrets signs (EIP-712) so that they open beside others of the same app that were
 * sealed later: the digest of those (`added`), and the digests of what is kept, newest first.
 */
export function keptSecretsTypedData(message: { app: Hex; added: Hex; kept: readonly Hex[] }) {
  return {
    domain: { name: 'Cloister Secrets', version: '1' },
    types: KEPT_SECRETS_TYPES,
    primaryType: 'KeptSecrets' as const,
    message,
  } as const
}
