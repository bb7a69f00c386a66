import { getClaimable, getPosition } from '@cloister/chain'
import { CloisterError, type DelegationRecord, parseAmount, showAmount } from '@cloister/core'
import { type Cloister, everyPage, walletOf } from '@cloister/sdk'
import { type Address, getAddress, isAddress } from 'viem'
import { CLOI } from '../../show.ts'

export function delegationsOf(cloister: Cloister, account: Address): Promise<DelegationRecord[]> {
  return everyPage((from) => cloister.index.delegations({ account, limit: 200, ...from }))
}

/**
 * Pools in which an account can claim, and how much. A provider can in its own, whether it has stake there
 * or not.
 */
export async function claimableOf(
  cloister: Cloister,
  account: Address,
): Promise<{ provider: Address; account: Address; amount: bigint }[]> {
  const delegations = await delegationsOf(cloister, account)
  const providers = [...new Set([...delegations.map(({ provider }) => provider), account])]
  return Promise.all(
    providers.map(async (provider) => ({
      provider,
      account,
      amount: await getClaimable(cloister.chain, provider, account),
    })),
  )
}

/** Shares that are worth an amount, or all; never more than there are. */
export async function sharesFor(
  cloister: Cloister,
  provider: Address,
  account: Address,
  amount: string | undefined,
): Promise<bigint> {
  const { shares, worth } = await getPosition(cloister.chain, provider, account)
  if (shares === 0n)
    throw new CloisterError('no-stake', `${account} has no stake in the pool of ${provider}.`, {
      hint: 'See yours: cloister stake rewards',
    })
  if (amount === undefined) return shares
  const units = parseAmount(amount, CLOI.decimals)
  if (units > worth)
    throw new CloisterError(
      'no-stake',
      `The stake there is worth ${showAmount(worth, CLOI)}, less than ${amount}.`,
    )
  return units === worth ? shares : (units * shares + worth - 1n) / worth
}

export function accountOf(cloister: Cloister, of: string | undefined): Address {
  if (of === undefined) return walletOf(cloister).account.address
  if (!isAddress(of, { strict: false }))
    throw new CloisterError('bad-address', `${of.slice(0, 60)} is not an address.`)
  return getAddress(of)
}

export function idOf(text: string): bigint {
  if (!/^\d{1,20}$/.test(text))
    throw new CloisterError('bad-option', `${text.slice(0, 30)} is not the number of an exit.`)
  return BigInt(text)
}

export function cloi(amount: string, places = 2): string {
  return showAmount(BigInt(amount), CLOI, places)
}
