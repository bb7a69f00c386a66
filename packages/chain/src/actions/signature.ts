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
  return client
    .verifyTypedData({ ...parameters, address: account } as Parameters<typeof client.verifyTypedData>[0])
    .catch(() => false)
}
