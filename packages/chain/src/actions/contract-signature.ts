import type { Address, RecoverTypedDataAddressParameters } from 'viem'
import { verifyTypedData } from 'viem/actions'
import type { Reader } from '../client.ts'

/** Whether the contract at an address says that it signed typed data (ERC-1271); false if none is there. */
export function isSignedByContract(
  client: Reader,
  account: Address,
  parameters: RecoverTypedDataAddressParameters,
): Promise<boolean> {
  const asked = { ...parameters, address: account } as Parameters<typeof verifyTypedData>[1]
  return verifyTypedData(client, asked).catch(() => false)
}
