import type { TokenPrices } from '@cloister/core'
import { type Address, type Hex, parseEventLogs, zeroAddress, zeroHash } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { VOUCHERS_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'
import { read, vouchersContract } from './contracts.ts'

/** What a model costs, and whom: base units of `token` per 1,000,000 tokens of the model. */
export interface OfferTerms extends TokenPrices {
  token: Address
  payee: Address
}

/** An offer as the chain keeps it. What the model is called, and its options, only its event says. */
export interface ChainOffer {
  id: Hex
  lease: Hex
  terms: OfferTerms
  /** Whether it is the lease's offer now. */
  stands: boolean
}

/**
 * Offers the model that a lease serves, in place of what it offered before; as the lease's tenant. `options`
 * is JSON: what the lease's manifest is made from. Returns the offer's id. Throws `not-found`, `reverted`.
 */
export async function offerModel(
  wallet: Wallet,
  {
    lease,
    terms: { token, payee, input, cached, output },
    model,
    options,
  }: { lease: Hex; terms: OfferTerms; model: string; options: string },
): Promise<Hex> {
  const contract = vouchersContract(wallet)
  const { logs } = await send(wallet, {
    ...contract,
    functionName: 'offer',
    args: [lease, { token, payee, input, cached, output }, model, options],
  })
  const [offered] = parseEventLogs({ abi: VOUCHERS_ABI, eventName: 'Offered', logs, args: { lease } })
  return offered?.args.id ?? zeroHash
}

/**
 * Ends a lease's offer: as its tenant, or as anybody once the lease is over. Throws `not-found`, `reverted`.
 */
export async function endOffer(wallet: Wallet, lease: Hex): Promise<void> {
  await send(wallet, { ...vouchersContract(wallet), functionName: 'endOffer', args: [lease] })
}

/** The id of the offer that stands for a lease; undefined where none does. Throws `not-found`. */
export async function getOfferOf(chain: Chain, lease: Hex): Promise<Hex | undefined> {
  const id = await read(chain, vouchersContract(chain), 'offerOf', [lease])
  return id === zeroHash ? undefined : id
}

/** An offer by its id, standing or not; undefined where there is none. Throws `not-found`. */
export async function getOffer(chain: Chain, id: Hex): Promise<ChainOffer | undefined> {
  const contract = vouchersContract(chain)
  const [terms, lease] = await Promise.all([
    read(chain, contract, 'termsOfOffer', [id]),
    read(chain, contract, 'leaseOfOffer', [id]),
  ])
  if (terms.token === zeroAddress) return undefined
  return { id, lease, terms, stands: (await getOfferOf(chain, lease)) === id }
}
