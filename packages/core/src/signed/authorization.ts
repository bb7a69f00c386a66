import type { Address, Hex } from 'viem'

const FIELDS = [
  { name: 'from', type: 'address' },
  { name: 'to', type: 'address' },
  { name: 'value', type: 'uint256' },
  { name: 'validAfter', type: 'uint256' },
  { name: 'validBefore', type: 'uint256' },
  { name: 'nonce', type: 'bytes32' },
] as const

/** EIP-712 types of an authorization that anybody may hand in (EIP-3009), as in the tokens' own contracts. */
export const TRANSFER_AUTHORIZATION_TYPES = { TransferWithAuthorization: FIELDS } as const
/** EIP-712 types of an authorization that the recipient alone may hand in (EIP-3009). */
export const RECEIVE_AUTHORIZATION_TYPES = { ReceiveWithAuthorization: FIELDS } as const

/** What an owner lets a token move. Instants in Unix seconds, both exclusive. */
export interface TransferAuthorization {
  from: Address
  to: Address
  value: bigint
  validAfter: bigint
  validBefore: bigint
  nonce: Hex
}

interface TokenDomain {
  name: string
  version: string
  chainId: number
  address: Address
}

/** What an owner signs so that anybody may have a token move its money. */
export function transferAuthorizationTypedData(authorization: TransferAuthorization, token: TokenDomain) {
  return {
    domain: domainOf(token),
    types: TRANSFER_AUTHORIZATION_TYPES,
    primaryType: 'TransferWithAuthorization' as const,
    message: authorization,
  } as const
}

/** What an owner signs so that the recipient, a contract, may have a token move its money. */
export function receiveAuthorizationTypedData(authorization: TransferAuthorization, token: TokenDomain) {
  return {
    domain: domainOf(token),
    types: RECEIVE_AUTHORIZATION_TYPES,
    primaryType: 'ReceiveWithAuthorization' as const,
    message: authorization,
  } as const
}

function domainOf({ name, version, chainId, address }: TokenDomain) {
  return { name, version, chainId, verifyingContract: address } as const
}
