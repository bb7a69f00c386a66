import type { Address } from 'viem'
import type { LegacyAccount } from '../account.ts'

/** Where a claim is made, and where its tokens go. */
export interface Place {
  /** Of the new chain. */
  chainId: number
  /** The contract Claims. */
  claims: Address
  to: Address
}

/** The text that an account's key signs for its tokens to go to `to`, as Claims makes it (`textFor`). */
export function claimText(place: Place): string {
  return textOf('this old account', place)
}

/** The text that members of a multisig account sign (`multisigTextFor`). */
export function multisigText(account: LegacyAccount, place: Place): string {
  return textOf(`the multisig ${account}`, place)
}

function textOf(whose: string, { chainId, claims, to }: Place): string {
  const [receiver, contract] = [to.toLowerCase(), claims.toLowerCase()]
  return `<Bytes>Send the CLOI of ${whose} to ${receiver} on chain ${chainId} by ${contract}</Bytes>`
}
