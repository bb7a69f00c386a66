import {
  type Chain,
  channelIdIn,
  encodeAnchor,
  encodeClaims,
  encodeDraws,
  encodeSweep,
  encodeX402Claims,
  encodeX402Settle,
  getChannel,
  getReceiptsRoot,
  getTokenBalance,
  getX402Channel,
  getX402Unsettled,
  receiptsContract,
  type SignedDraw,
  signClaims,
  signX402Claims,
  type VoucherClaim,
} from '@cloister/chain'
import { type Channel, ChannelJson, CloisterError, loop, messageOf } from '@cloister/core'
import type { Address, Hex, LocalAccount } from 'viem'
import { MOST_RECEIPTS_IN_BATCH } from '../protocol/constants.ts'
import { smaller } from './smaller.ts'
import type { Batch, ChannelRow, Store } from './store.ts'

/** Channels in one transaction. */
const AT_ONCE = 50
/** Milliseconds that draws wait for others to go with. */
const GATHER_MS = 200
const RETRY_MS = 10_000
/** Milliseconds for which a draw may fail before its payer is answered no more. */
const PATIENCE_MS = 120_000

/** How the door has its worker send what it may: see the agent's `POST /v1/transactions`. */
export interface Sender {
  send(contract: SentTo, data: Hex): Promise<Hex>
}
/** Contracts that the door has its worker call. */
export type SentTo = 'vouchers' | 'receipts' | 'x402' | 'receivers'

/** How often money and receipts go on chain, and are looked at there. */
export interface Rhythm {
  /** Milliseconds between two claims. */
  claimMs: number
  /** Milliseconds between two anchors. */
  anchorMs: number
  /**
   * Milliseconds after which a channel is looked at again before it pays: much less than its payer has to
   * wait for what is announced to be taken back.
   */
  lookMs: number
}

/**
 * Brings on chain what has to be there: draws soon after they were signed, claims and receipts' roots in
 * batches. What is to be sent lies in the store, so that a door which dies goes on where it was.
 */
export class Payments {
  private readonly chain: Chain
  private readonly store: Store
  private readonly sender: Sender
  private readonly authorizer: LocalAccount
  private readonly lease: Hex
  private readonly log: (line: string) => void
  private readonly failingSince = new Map<Hex, number>()
  /** Whose money arrives at an address. */
  readonly payees = new Map<Address, Address>()
  private wake = () => {}
  private sending: Promise<unknown> = Promise.resolve()

  constructor(
    chain: Chain,
    store: Store,
    sender: Sender,
    { authorizer, lease }: { authorizer: LocalAccount; lease: Hex },
    log: (line: string) => void,
  ) {
    this.chain = chain
    this.store = store
    this.sender = sender
    this.authorizer = authorizer
    this.lease = lease
    this.log = log
  }

  /** A draw was signed. */
  drew(): void {
    this.wake()
  }

  /** A payer takes money back: what was charged is claimed before it is gone. */
  payerLeaves(): void {
    void this.claim().catch((error) => this.log(`claims do not get on chain now: ${messageOf(error)}`))
  }

  /** Throws `chain-unreachable` where a channel's draws have failed for too long to answer on credit. */
  requireWorking(channel: Hex): void {
    const since = this.failingSince.get(channel)
    if (since !== undefined && Date.now() - since > PATIENCE_MS)
      throw new CloisterError('chain-unreachable', 'Payments can not be brought on chain now.')
  }

  /** Does all of it until `signal`. */
  async keep(signal: AbortSignal, { claimMs, anchorMs }: Rhythm): Promise<void> {
    await Promise.all([
      this.often(signal, 'draws', GATHER_MS, () => this.postDraws(), true),
      this.often(signal, 'claims', claimMs, () => this.claim()),
      this.often(signal, 'receipts', anchorMs, () => this.anchor()),
    ])
  }

  /** Hands in what was drawn and isn't on chain. */
  async postDraws(): Promise<void> {
    for (;;) {
      const rows = this.store.unposted(AT_ONCE)
      if (rows.length === 0) return
      const draws = rows.map(
        (row): SignedDraw => ({
          channel: channelOf(row),
          totalDrawn: row.drawn,
          signature: row.drawSignature as Hex,
        }),
      )
      try {
        await this.send('vouchers', encodeDraws(draws))
      } catch (error) {
        for (const { id } of rows) if (!this.failingSince.has(id)) this.failingSince.set(id, Date.now())
        throw error
      }
      await this.learnDrawn(rows)
      // What a purse hadn't any more isn't drawn: whoever pays by it has to draw anew.
      for (const { id, drawn } of rows) {
        const row = this.store.channel(id)
        // One that was drawn of meanwhile goes with the next.
        if (row && row.posted < row.drawn && row.drawn === drawn) this.store.limitDrawn(id, row.posted)
      }
    }
  }

  /** Claims what was charged and is on chain to be claimed. What fails holds up nothing else. */
  async claim(): Promise<void> {
    const rows = this.store.claimable().filter((row) => row.voucherSignature)
    const ours = rows.filter(({ escrow }) => escrow === 'vouchers')
    const parts: (() => Promise<void>)[] = []
    for (let from = 0; from < ours.length; from += AT_ONCE)
      parts.push(() => this.claimTogether(ours.slice(from, from + AT_ONCE)))
    for (const row of rows) if (row.escrow === 'x402') parts.push(() => this.claimOfX402(row))
    for (const channel of this.x402Receivers()) parts.push(() => this.passOn(channel))
    const problems: unknown[] = []
    for (const part of parts) await part().catch((error) => problems.push(error))
    if (problems.length > 0) throw problems[0]
  }

  private async claimTogether(rows: ChannelRow[]): Promise<void> {
    const found = await Promise.all(rows.map((row) => this.claimOf(row)))
    const claims = found.filter((claim) => claim !== undefined)
    if (claims.length === 0) return
    const signature = await signClaims(this.chain, this.authorizer, claims)
    await this.send('vouchers', encodeClaims(claims, signature))
    for (const { channel } of claims) {
      const id = channelIdIn(this.chain, channel)
      this.store.setClaimed(id, (await getChannel(this.chain, id)).totalClaimed)
    }
  }

  /** Claims of a channel in x402's own contract, by itself since a bad row would spoil the others. */
  private async claimOfX402(row: ChannelRow): Promise<void> {
    const { chain } = this
    const { balance, totalClaimed } = await getX402Channel(chain, row.id)
    const total = smaller(row.charged, smaller(balance, row.voucher))
    if (total > totalClaimed) {
      const signature = row.voucherSignature as Hex
      const claims = [
        { channel: channelOf(row), maxClaimableAmount: row.voucher, signature, totalClaimed: total },
      ]
      await this.send('x402', encodeX402Claims(claims, await signX402Claims(chain, this.authorizer, claims)))
    }
    this.store.setClaimed(row.id, (await getX402Channel(chain, row.id)).totalClaimed)
  }

  /** Channels of x402's, one for each receiver and token. */
  private x402Receivers(): Channel[] {
    const channels = this.store.channelsOf('x402').map(channelOf)
    return [...new Map(channels.map((channel) => [`${channel.receiver} ${channel.token}`, channel])).values()]
  }

  /** Has what was claimed in x402's contract sent to a payee's address, and on from there. */
  private async passOn({ receiver, token }: Channel): Promise<void> {
    const { chain } = this
    if ((await getX402Unsettled(chain, receiver, token)) > 0n)
      await this.send('x402', encodeX402Settle(receiver, token))
    const payee = this.payees.get(receiver)
    if (payee && (await getTokenBalance(chain, token, receiver)) > 0n)
      await this.send('receivers', encodeSweep(payee, token))
  }

  /** What of a channel can be claimed now: what was charged, as far as it is there and promised. */
  private async claimOf(row: ChannelRow): Promise<VoucherClaim | undefined> {
    const { charged, voucher, voucherSignature, id } = row
    const { balance, totalClaimed } = await getChannel(this.chain, id)
    const total = smaller(charged, smaller(balance, voucher))
    if (total <= totalClaimed || !voucherSignature) return undefined
    const signed = { maxClaimableAmount: voucher, signature: voucherSignature }
    return { channel: channelOf(row), ...signed, totalClaimed: total }
  }

  /** Anchors receipts that are signed. */
  async anchor(): Promise<void> {
    if (!this.chain.network.contracts.receipts) return
    const problems: unknown[] = []
    const failed = new Set<string>()
    for (;;) {
      const unsent = this.store.unsentBatches().filter(({ era, batch }) => !failed.has(`${era} ${batch}`))
      // A batch of an era that the worker has lost is anchored no more: others are, all the same.
      for (const batch of unsent)
        await this.anchorBatch(batch).catch((error) => {
          failed.add(`${batch.era} ${batch.batch}`)
          problems.push(error)
        })
      const era = this.store.looseEra()
      if (era === undefined) break
      this.store.makeBatch(era, MOST_RECEIPTS_IN_BATCH, await this.batchCount(era))
    }
    if (problems.length > 0) throw problems[0]
  }

  private async anchorBatch(batch: Batch): Promise<void> {
    if (await this.isThere(batch)) return this.store.markSent(batch, 'before')
    // The chain numbers them as they come.
    if ((await this.batchCount(batch.era)) < batch.batch)
      throw new CloisterError('bad-state', `Batch ${batch.batch} waits for the one before.`)
    const [era, count] = [BigInt(batch.era), BigInt(batch.count)]
    const data = encodeAnchor({ lease: this.lease, era, count, root: batch.root })
    const hash = await this.send('receipts', data)
    // One that isn't mined yet is looked for again.
    if (await this.isThere(batch)) this.store.markSent(batch, hash)
  }

  /** Sends one transaction after another: the worker takes one of a lease at a time. */
  send(contract: SentTo, data: Hex): Promise<Hex> {
    const sent = this.sending.then(() => this.sender.send(contract, data))
    this.sending = sent.catch(() => {})
    return sent
  }

  /** Learns what the chain has drawn. */
  private async learnDrawn(rows: ChannelRow[]): Promise<void> {
    for (const { id } of rows) {
      this.store.setPosted(id, (await getChannel(this.chain, id)).totalDrawn)
      this.failingSince.delete(id)
    }
  }

  /** Whether the chain has a batch. Throws `bad-state` where it has another one of that number. */
  private async isThere({ era, batch, root }: Batch): Promise<boolean> {
    if ((await this.batchCount(era)) <= batch) return false
    const found = await getReceiptsRoot(this.chain, this.lease, BigInt(era), batch)
    if (found === root) return true
    throw new CloisterError('bad-state', `Batch ${batch} of era ${era} is another one on chain.`)
  }

  private async batchCount(era: string): Promise<number> {
    const contract = receiptsContract(this.chain)
    const args = [this.lease, BigInt(era)] as const
    return Number(await this.chain.client.readContract({ ...contract, functionName: 'batchCount', args }))
  }

  private async often(
    signal: AbortSignal,
    what: string,
    ms: number,
    work: () => Promise<void>,
    isWoken = false,
  ): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await loop(signal, async () => {
      const woken = isWoken
        ? new Promise<void>((resolve) => {
            this.wake = resolve
          })
        : undefined
      try {
        await work()
      } catch (error) {
        this.log(`${what} do not get on chain now: ${messageOf(error)}`)
        return Math.max(ms, RETRY_MS)
      }
      if (woken) await Promise.race([woken, aborted])
      return ms
    })
  }
}

function channelOf({ config }: ChannelRow): Channel {
  return ChannelJson.parse(JSON.parse(config))
}
