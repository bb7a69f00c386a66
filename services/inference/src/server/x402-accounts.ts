import {
  type Chain,
  encodeX402Deposit,
  getReceiver,
  getX402Channel,
  X402_CHANNELS,
  type X402Channel,
  x402ChannelIdIn,
} from '@cloister/chain'
import {
  type Channel,
  type ChargeJson,
  isVoucherSigned,
  messageOf,
  toCanonicalJson,
  WITHDRAW_DELAY,
} from '@cloister/core'
import { type Address, type Hex, parseAbi, zeroAddress } from 'viem'
import type { Offer } from '../protocol/prices.ts'
import type { Hold } from './cashier.ts'
import { holdOf } from './hold.ts'
import { PaymentRequired } from './payment-required.ts'
import type { Payments } from './payments.ts'
import type { Store } from './store.ts'
import { X402Exact } from './x402-exact.ts'
import {
  EXACT_SCHEME,
  type ExactPayment,
  encodeHeader,
  isExact,
  type Payment,
  REASONS,
  REQUIRED_HEADER,
  RESPONSE_HEADER,
  readPayment,
  SCHEME,
} from './x402-wire.ts'

/** Seconds in which a client's authorization has to be on chain. */
const TIMEOUT_SECONDS = 600
/** Milliseconds that a payment waits for answers of its channel that are under way. */
const WAIT_MS = 120_000
const TOKEN_CALLS = parseAbi([
  'function eip712Domain() view returns (bytes1 fields, string name, string version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions)',
])

/** A channel of x402's, while the door runs. */
interface Account {
  id: Hex
  reserved: bigint
  state: X402Channel
  /** When the chain was last asked for that; of `Date.now`. */
  lookedAt: number
  /** Payments of one channel are taken one after another. */
  turn: Promise<unknown>
  /** Those who wait until nothing is under way. */
  waiting: (() => void)[]
  /** Payments that are being looked at. */
  users: number
}

/**
 * Has clients of x402 pay, unchanged: into x402's own contract, by deposits that they authorize and vouchers
 * that come with each request. Their vouchers are for what was charged and this request's most, so answers of
 * one channel come one after another.
 */
export class X402Accounts {
  private readonly chain: Chain
  private readonly store: Store
  private readonly payments: Payments
  private readonly authorizer: Address
  private readonly lease: Hex
  private readonly lookMs: number
  private readonly exact: X402Exact
  private readonly accounts = new Map<Hex, Promise<Account>>()
  private readonly tokens = new Map<Address, Promise<{ name: string; version: string }>>()
  private readonly receivers = new Map<Address, Promise<Address>>()

  /** `lookMs`: see `Rhythm`. */
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
    this.exact = new X402Exact(chain, payments)
  }

  /** How a request that costs `most` at most can be paid, to be thrown. */
  async required(
    offer: Offer,
    most: bigint,
    path: string,
    error: string = REASONS.required,
    more: object = {},
  ): Promise<PaymentRequired> {
    const [{ name, version }, payTo] = await Promise.all([this.tokenOf(offer), this.receiverOf(offer)])
    const common = {
      network: this.network,
      asset: offer.token,
      amount: String(most),
      payTo,
      maxTimeoutSeconds: TIMEOUT_SECONDS,
    }
    const accepts = [
      {
        ...common,
        scheme: SCHEME,
        extra: {
          name,
          version,
          receiverAuthorizer: this.authorizer,
          withdrawDelay: WITHDRAW_DELAY.least,
          assetTransferMethod: 'eip3009',
          lease: this.lease,
          ...more,
        },
      },
      { ...common, scheme: EXACT_SCHEME, extra: { name, version, lease: this.lease } },
    ]
    const resource = { url: path, description: 'Inference, paid by the token', mimeType: 'application/json' }
    const header = encodeHeader({ x402Version: 2, error, resource, accepts })
    return new PaymentRequired(`The model is paid by the token (${error}).`, { [REQUIRED_HEADER]: header })
  }

  /** Holds `most` of what a request's header pays. Throws `PaymentRequired` where it doesn't, with why. */
  async hold(header: string, offer: Offer, most: bigint, path: string): Promise<Hold> {
    const payment = readPayment(header)
    if (!payment) throw await this.required(offer, most, path, REASONS.payload)
    if (isExact(payment)) return this.holdExact(payment, offer, most, path)
    const refused = await this.mismatchOf(payment, offer)
    if (refused !== undefined) throw await this.required(offer, most, path, refused)
    const { channelConfig: channel } = payment.payload
    const account = await this.accountOf(channel)
    account.users++
    try {
      const turn = account.turn.then(() => this.take(account, payment, offer, most, path))
      account.turn = turn.catch(() => {})
      await turn
    } finally {
      account.users--
      // Of a channel that nobody paid into nothing is kept: anybody makes up as many as it likes.
      if (account.users === 0 && !this.store.channel(account.id)) this.accounts.delete(account.id)
    }
    const held = holdOf(account, offer, most, channel.payer, (charge) =>
      this.response(account, channel, charge),
    )
    return {
      ...held,
      release() {
        held.release()
        if (account.reserved === 0n) for (const go of account.waiting.splice(0)) go()
      },
    }
  }

  private async holdExact(payment: ExactPayment, offer: Offer, most: bigint, path: string): Promise<Hold> {
    if (payment.accepted.network !== this.network)
      throw await this.required(offer, most, path, REASONS.network)
    const [token, payTo] = await Promise.all([this.tokenOf(offer), this.receiverOf(offer)])
    const held = await this.exact.hold(payment, { offer, most, payTo, token })
    if (typeof held === 'string') throw await this.required(offer, most, path, held)
    return held
  }

  private get network(): string {
    return `eip155:${this.chain.network.chainId}`
  }

  /** Why a payment isn't one for this endpoint; undefined where it is. */
  private async mismatchOf({ accepted, payload }: Payment, offer: Offer): Promise<string | undefined> {
    const { channelConfig: channel, voucher } = payload
    const { chainId } = this.chain.network
    if (accepted.scheme !== SCHEME || accepted.network !== this.network) return REASONS.network
    if (channel.token !== offer.token) return REASONS.token
    if (channel.receiver !== (await this.receiverOf(offer))) return REASONS.receiver
    if (channel.receiverAuthorizer !== this.authorizer) return REASONS.authorizer
    if (x402ChannelIdIn(this.chain, channel) !== voucher.channelId) return REASONS.channel
    const signer = channel.payerAuthorizer === zeroAddress ? channel.payer : channel.payerAuthorizer
    if (!(await isVoucherSigned(voucher, signer, chainId, X402_CHANNELS))) return REASONS.signature
    return undefined
  }

  /** Reserves what a payment is for; its deposit is brought in first. */
  private async take(account: Account, payment: Payment, offer: Offer, most: bigint, path: string) {
    const { store } = this
    const { channelConfig: channel, voucher } = payment.payload
    const signed = voucher.maxClaimableAmount
    const room = () => {
      const charged = store.channel(account.id)?.charged ?? account.state.totalClaimed
      return signed - charged - account.reserved - most
    }
    // Answers under way will cost less than is reserved for them, or the client starts anew.
    if (room() < 0n && account.reserved > 0n) await this.idle(account)
    if (room() < 0n) throw await this.required(offer, most, path, REASONS.mismatch, this.correction(account))
    // What a payer announced to take back, it can take in a quarter of an hour.
    if (Date.now() - account.lookedAt > this.lookMs) await this.look(account)
    const covers = () => account.state.balance - account.state.leaving >= signed
    if (payment.payload.type === 'deposit') {
      await this.deposit(channel, payment.payload.deposit).catch(async (error) => {
        await this.look(account)
        // One that is in already was sent twice.
        if (!covers()) throw await this.required(offer, most, path, `${REASONS.deposit}: ${messageOf(error)}`)
      })
      await this.look(account)
    } else if (!covers()) await this.look(account)
    if (!covers()) throw await this.required(offer, most, path, REASONS.balance)
    store.addChannel(account.id, toCanonicalJson(channel), account.state.totalClaimed, 'x402')
    if (signed > (store.channel(account.id)?.voucher ?? 0n))
      store.setVoucher(account.id, signed, voucher.signature)
    account.reserved += most
  }

  /** Learns what the chain has of a channel. */
  private async look(account: Account): Promise<void> {
    account.state = await getX402Channel(this.chain, account.id)
    account.lookedAt = Date.now()
    if (account.state.leaving > 0n) this.payments.payerLeaves()
  }

  private deposit(
    channel: Channel,
    { amount, authorization }: Extract<Payment['payload'], { type: 'deposit' }>['deposit'],
  ): Promise<Hex> {
    const { validAfter, validBefore, salt, signature } = authorization.erc3009Authorization
    const data = encodeX402Deposit({
      channel,
      amount: BigInt(amount),
      validAfter: BigInt(validAfter),
      validBefore: BigInt(validBefore),
      salt: BigInt(salt),
      signature,
    })
    return this.payments.send('x402', data)
  }

  private accountOf(channel: Channel): Promise<Account> {
    const id = x402ChannelIdIn(this.chain, channel)
    let opening = this.accounts.get(id)
    if (!opening) {
      opening = this.open(id)
      this.accounts.set(id, opening)
      opening.catch(() => this.accounts.delete(id))
    }
    return opening
  }

  private async open(id: Hex): Promise<Account> {
    const state = await getX402Channel(this.chain, id)
    return { id, reserved: 0n, state, lookedAt: 0, turn: Promise.resolve(), waiting: [], users: 0 }
  }

  private idle(account: Account): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, WAIT_MS)
      account.waiting.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** What a client has to know that has lost count: it believes its own last voucher. */
  private correction(account: Account): object {
    const row = this.store.channel(account.id)
    if (!row?.voucherSignature) return { channelState: this.stateOf(account) }
    return {
      channelState: this.stateOf(account, row.charged),
      voucherState: { signedMaxClaimable: String(row.voucher), signature: row.voucherSignature },
    }
  }

  private response(account: Account, { payer }: Channel, { amount, total }: ChargeJson) {
    const extra = { chargedAmount: amount, channelState: this.stateOf(account, BigInt(total)) }
    const settled = { success: true, transaction: '', network: this.network, payer, amount, extra }
    return { [RESPONSE_HEADER]: encodeHeader(settled) }
  }

  private stateOf({ id, state }: Account, charged?: bigint) {
    return {
      channelId: id,
      balance: String(state.balance),
      totalClaimed: String(state.totalClaimed),
      withdrawRequestedAt: 0,
      refundNonce: String(state.refundNonce),
      ...(charged !== undefined && { chargedCumulativeAmount: String(charged) }),
    }
  }

  /** Where such clients pay: the payee's own address, from which the fee is taken. */
  private receiverOf({ payee }: Offer): Promise<Address> {
    return remembered(this.receivers, payee, async () => {
      const receiver = await getReceiver(this.chain, payee)
      this.payments.payees.set(receiver, payee)
      return receiver
    })
  }

  private tokenOf({ token }: Offer): Promise<{ name: string; version: string }> {
    return remembered(this.tokens, token, async () => {
      const call = { address: token, abi: TOKEN_CALLS, functionName: 'eip712Domain' } as const
      const [, name, version] = await this.chain.client.readContract(call)
      return { name, version }
    })
  }
}

function remembered<K, V>(known: Map<K, Promise<V>>, key: K, find: () => Promise<V>): Promise<V> {
  let found = known.get(key)
  if (!found) {
    found = find()
    known.set(key, found)
    found.catch(() => known.delete(key))
  }
  return found
}
