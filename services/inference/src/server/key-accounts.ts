import {
  type Chain,
  type ChannelState,
  getChannel,
  getKey,
  getPurse,
  vouchersContract,
} from '@cloister/chain'
import {
  type Channel,
  CloisterError,
  channelIdOf,
  drawTypedData,
  toCanonicalJson,
  voucherTypedData,
} from '@cloister/core'
import type { Address, Hex } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { parseApiKey } from '../protocol/api-key.ts'
import type { Offer } from '../protocol/prices.ts'
import type { Hold } from './cashier.ts'
import { holdOf } from './hold.ts'
import type { Payments } from './payments.ts'
import { smaller } from './smaller.ts'
import type { Store } from './store.ts'

/** Seconds that a payer's channel waits for claims, once the payer wants the rest back: x402's least. */
const WITHDRAW_SECONDS = 900
/** Answers of the dearest kind that are drawn for at once. */
const DRAWN_AT_ONCE = 20n
/** Keys whose owners are known without a computation. */
const MOST_KEYS = 2_000

/** What a session key pays by, while the door runs. */
interface Account {
  key: PrivateKeyAccount
  payer: Address
  token: Address
  channel: Channel
  id: Hex
  /** What answers under way may cost at most. */
  reserved: bigint
  /** When the chain was last asked what the payer takes back; of `Date.now`. */
  lookedAt: number
  /** Those who need a draw, one after another: who comes later is refused first. */
  turn: Promise<void>
}

/**
 * Has session keys pay: the key that comes with a request signs, in here, draws from its payer's purse and
 * vouchers for what was drawn. Many answers share one draw, so that a request costs no signature.
 */
export class KeyAccounts {
  private readonly chain: Chain
  private readonly store: Store
  private readonly payments: Payments
  private readonly authorizer: Address
  private readonly lease: Hex
  private readonly lookMs: number
  private readonly keys = new Map<string, PrivateKeyAccount>()
  private readonly accounts = new Map<string, Promise<Account>>()

  constructor(
    chain: Chain,
    store: Store,
    payments: Payments,
    { authorizer, lease, lookMs }: { authorizer: Address; lease: Hex; lookMs: number },
  ) {
    this.chain = chain
    this.store = store
    this.payments = payments
    this.authorizer = authorizer
    this.lease = lease
    this.lookMs = lookMs
  }

  /**
   * Holds `most` of what a key can pay. Throws `unauthorized` for a key that nobody registered, `no-funds`
   * where its cap, its time or its payer's purse doesn't cover that.
   */
  async hold(apiKey: string, offer: Offer, most: bigint): Promise<Hold> {
    const key = this.keyOf(apiKey)
    const name = `${key.address} ${offer.payee} ${offer.token}`
    let opening = this.accounts.get(name)
    if (!opening) {
      opening = this.open(key, offer)
      this.accounts.set(name, opening)
      opening.catch(() => this.accounts.delete(name))
    }
    const account = await opening
    if (Date.now() - account.lookedAt > this.lookMs) await this.look(account)
    if (this.covers(account, most)) account.reserved += most
    else {
      const turn = account.turn.then(() => this.reserve(account, most))
      account.turn = turn.catch(() => {})
      await turn
    }
    return holdOf(account, offer, most, key.address)
  }

  private keyOf(apiKey: string): PrivateKeyAccount {
    let key = this.keys.get(apiKey)
    if (key) return key
    try {
      key = privateKeyToAccount(parseApiKey(apiKey).privateKey)
    } catch (cause) {
      throw new CloisterError('unauthorized', 'The API key is no key of this network’s.', { cause })
    }
    if (this.keys.size >= MOST_KEYS) this.keys.delete(this.keys.keys().next().value as string)
    this.keys.set(apiKey, key)
    return key
  }

  private async open(key: PrivateKeyAccount, offer: Offer): Promise<Account> {
    const { chain, store, lease } = this
    const known = await getKey(chain, key.address)
    if (!known)
      throw new CloisterError('unauthorized', `Nobody has registered the API key of ${key.address}.`, {
        hint: 'Whoever pays registers it with a cap: `Vouchers.setKey`.',
      })
    if (known.token !== offer.token)
      throw new CloisterError(
        'no-funds',
        `The API key pays in ${known.token}, and the offer is in ${offer.token}.`,
      )
    const channel: Channel = {
      payer: known.payer,
      payerAuthorizer: key.address,
      receiver: offer.payee,
      receiverAuthorizer: this.authorizer,
      token: offer.token,
      withdrawDelay: WITHDRAW_SECONDS,
      salt: lease,
    }
    const id = channelIdOf(channel, chain.network.chainId, vouchersContract(chain).address)
    if (!store.channel(id)) {
      // A door that lost its volume goes on from what was claimed.
      const state = await getChannel(chain, id)
      store.addChannel(id, toCanonicalJson(channel), state.totalClaimed)
      store.setPosted(id, state.totalDrawn)
    }
    const { payer } = known
    return { key, payer, token: offer.token, channel, id, reserved: 0n, lookedAt: 0, turn: Promise.resolve() }
  }

  /** Whether all that is charged and reserved, and `most` more, is drawn or going to be, and stays. */
  private covers({ id, reserved }: Account, most: bigint): boolean {
    const row = this.store.channel(id)
    return row !== undefined && row.charged + reserved + most <= row.drawn - row.gone
  }

  /** Learns what the payer took back of a channel, and what it announced to take back. */
  private async look(account: Account): Promise<ChannelState> {
    const state = await getChannel(this.chain, account.id)
    const { balance, totalClaimed, totalDrawn, leaving } = state
    // What is announced takes along what is drawn and not there yet.
    const there = balance + (this.store.channel(account.id)?.drawn ?? totalDrawn) - totalDrawn - totalClaimed
    const gone = totalDrawn - balance + smaller(leaving?.amount ?? 0n, there > 0n ? there : 0n)
    // What was paid in past the purse isn't what vouchers were signed for.
    this.store.setGone(account.id, gone > 0n ? gone : 0n)
    account.lookedAt = Date.now()
    if (leaving) this.payments.payerLeaves()
    return state
  }

  private async reserve(account: Account, most: bigint): Promise<void> {
    while (!this.covers(account, most)) await this.draw(account, most)
    account.reserved += most
  }

  private async draw(account: Account, most: bigint): Promise<void> {
    const { chain, store, payments } = this
    payments.requireWorking(account.id)
    const [known, purse, state] = await Promise.all([
      getKey(chain, account.key.address),
      getPurse(chain, account.payer, account.token),
      this.look(account),
    ])
    const row = store.channel(account.id)
    if (!row || !known) throw new CloisterError('unauthorized', 'The API key is registered no more.')
    if (known.until * 1_000 < Date.now())
      throw new CloisterError('no-funds', 'The API key’s time is over.', { hint: 'Its owner may extend it.' })
    if (state.leaving)
      throw new CloisterError('no-funds', 'The API key’s owner takes back what its channel here has.', {
        hint: 'Once that is done, or called off, the key can pay again.',
      })
    const purseRoom = purse.balance - purse.leaving
    const keyRoom = known.cap - known.drawn
    const room = smaller(purseRoom, keyRoom)
    const drawable = state.totalDrawn + (room > 0n ? room : 0n)
    const needed = row.charged + row.gone + account.reserved + most
    if (drawable < needed)
      throw new CloisterError(
        'no-funds',
        purseRoom < keyRoom
          ? 'The purse of the API key’s owner does not cover what the answer may cost.'
          : 'The API key’s cap does not cover what the answer may cost.',
        { details: { payer: account.payer, token: account.token, most: String(most) } },
      )
    const wanted = needed + most * DRAWN_AT_ONCE
    const total = smaller(wanted, drawable)
    const { chainId } = chain.network
    const { address } = vouchersContract(chain)
    const channelId = account.id
    const [draw, voucher] = await Promise.all([
      account.key.signTypedData(drawTypedData({ channelId, totalDrawn: total }, chainId, address)),
      account.key.signTypedData(voucherTypedData({ channelId, maxClaimableAmount: total }, chainId, address)),
    ])
    store.setDrawn(account.id, total, draw, voucher)
    payments.drew()
  }
}
