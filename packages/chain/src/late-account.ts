import type { Address, LocalAccount } from 'viem'
import { toAccount } from 'viem/accounts'

/**
 * An account whose key is fetched when something has to be signed, once, and not before: reading needs the
 * address alone.
 *
 * @param open Gives the account with its key.
 */
export function lateAccount(address: Address, open: () => Promise<LocalAccount>): LocalAccount {
  let opened: Promise<LocalAccount> | undefined
  const account = () => {
    opened ??= open()
    return opened
  }
  return toAccount({
    address,
    signMessage: async (parameters) => (await account()).signMessage(parameters),
    signTransaction: async (transaction, options) => (await account()).signTransaction(transaction, options),
    signTypedData: async (parameters) => (await account()).signTypedData(parameters),
  })
}
