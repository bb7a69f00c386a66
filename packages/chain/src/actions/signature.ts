import { type Address, type Hex, type RecoverTypedDataAddressParameters, recoverTypedDataAddress } from 'viem'
import type { Chain } from '../client.ts'

/**
 * Whether typed data was signed by an account: by its own key, or as its contract says (ERC-1271, asked of
 * the chain).
 */
export async function isSignedBy(
  { client }: Chain,
  account: Address,
  signature: Hex,
  typedData: Omit<RecoverTypedDataAddressParameters, 'signature'>,
): Promise<boolean> {
  // What is generic over its own types in viem was checked where it was built.
  const parameters = { ...typedData, signature } as RecoverTypedDataAddressParameters
  const recovered = await recoverTypedDataAddress(parameters).catch(() => undefined)
  if (recovered === account) return true
  // Few accounts are contracts, and what asks one is long.
  const { isSignedByContract } = await import('./contract-signature.ts')
  return isSignedByContract(client, account, parameters)
}
