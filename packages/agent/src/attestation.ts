import { setTimeout as delay } from 'node:timers/promises'
import {
  attestWorker,
  ensurePlatform,
  ensureRevocations,
  type FreshBlock,
  freshBlock,
  getBilling,
  handInVerdict,
  reportDataOf,
  type Wallet,
  WORKERS_ABI,
} from '@cloister/chain'
import { endorsementsFor } from '@cloister/client'
import { CloisterError, formatDuration, GrowingPause, loop, messageOf } from '@cloister/core'
import { claimsOf } from '@cloister/verify'
import type { Address, Hex, LocalAccount } from 'viem'
import type { Evidence, EvidenceSource } from './evidence/source.ts'
import type { Log } from './log.ts'
import type { Sequence } from './sequence.ts'
import type { Settlement } from './settlement.ts'
import { collectVerdict } from './verdicts/collect.ts'
import { guestEvidence } from './verdicts/own-gpus.ts'

const LOOK_MS = 10_000
const RETRY_MS = 2_000
/** A second each: a chain without transactions may take longer than ten for its next block. */
const TRIES_AT_START = 30
/** What the contract says where evidence is bound to a block that won't do, while another one would. */
const OTHER_BLOCK = ['EvidenceReplayed', 'EvidenceNotFresh', 'BlockUnknown']
/**
 * Of a coverage period: renewed when that much is left, give or take a tenth, so that many workers don't
 * come at once.
 */
const RENEW_AT = 0.5
const JITTER = 0.1
/** Of a coverage period: with less left, and no renewal, nobody should start anything here. */
const ALARM_AT = 0.25
/** Seconds of coverage left with which a renewal surely is one when it arrives. */
const SURE_SECONDS = 60

interface AttestorParts {
  /** Leases that an attestation settles along with it. */
  settlement: Pick<Settlement, 'joinable' | 'markSettled'>
  wallet: Wallet
  key: LocalAccount
  provider: Address
  source: EvidenceSource
  tlsKeyHash: Hex
  sequence: Sequence
  log: Log
}

/** Evidence, and what it is bound to. */
export interface BoundEvidence extends Evidence {
  block: FreshBlock
}

/** Quotes that are made for strangers at once: hardware makes a few a second. */
const STRANGERS_AT_ONCE = 4

/** Keeps the worker covered: has its hardware quote, hands the quote in, and says so loudly when it can't. */
export class Attestor {
  private readonly parts: AttestorParts
  private threshold = RENEW_AT
  private failures = 0
  /** Quotes that are being made for strangers. */
  private strangers = 0
  /** Unix seconds of the chain, whose clock may be ahead of ours. */
  private coveredUntil = 0
  private aheadSeconds = 0
  private period = 3600
  private attestedAt = 0
  private evidence: BoundEvidence | undefined
  private readonly renewed: (() => void)[] = []

  constructor(parts: AttestorParts) {
    this.parts = parts
  }

  get sourceName(): string {
    return this.parts.source.name
  }

  get provider(): Address {
    return this.parts.provider
  }

  get tlsKeyHash(): Hex {
    return this.parts.tlsKeyHash
  }

  /** What was last handed in. */
  get latest(): BoundEvidence | undefined {
    return this.evidence
  }

  /**
   * Seconds that are still covered, by the chain's clock; when this worker last attested (Unix seconds, 0 for
   * never); renewals that failed since the last that didn't.
   */
  get state(): { secondsLeft: number; attestedAt: number; failures: number } {
    return {
      secondsLeft: Math.max(0, this.secondsLeft),
      attestedAt: this.attestedAt,
      failures: this.failures,
    }
  }

  /** Calls `renewed` after each attestation from now on. */
  onRenewed(renewed: () => void): void {
    this.renewed.push(renewed)
  }

  /** Why nothing new should start here: renewals fail and coverage runs out. Undefined if all is well. */
  get alarm(): string | undefined {
    const left = this.secondsLeft
    if (this.failures === 0 || left > this.period * ALARM_AT) return undefined
    return left > 0
      ? `It can not renew its attestation, which lasts ${formatDuration(Math.round(left))} more.`
      : 'It is not attested any more.'
  }

  private get secondsLeft(): number {
    return this.coveredUntil - (Date.now() / 1000 + this.aheadSeconds)
  }

  /** A fresh quote over a stranger's number. Throws `too-busy` where enough are being made for others. */
  async quoteForStranger(nonce: Hex): Promise<Evidence> {
    if (this.strangers >= STRANGERS_AT_ONCE)
      throw new CloisterError('too-busy', 'The worker makes as many quotes as it can; ask again in a moment.')
    this.strangers++
    try {
      return await this.quote(nonce)
    } finally {
      this.strangers--
    }
  }

  /** A fresh quote over 32 bytes, bound to this worker as those on chain are. */
  quote(freshness: Hex): Promise<Evidence> {
    const { wallet, key, provider, tlsKeyHash, source } = this.parts
    return source.quote(
      reportDataOf(wallet.network, { provider, worker: key.address, tlsKeyHash }, freshness),
    )
  }

  /**
   * Attests at the start. Where that fails, but earlier coverage lasts, leases can be taken up; `keep` tries
   * again.
   */
  async begin(): Promise<void> {
    try {
      await this.ensure()
    } catch (error) {
      if (this.secondsLeft <= 0) throw error
      this.failures++
      this.parts.log('warn', 'attestation could not be renewed at the start', {
        coveredFor: formatDuration(Math.round(this.secondsLeft)),
        error: messageOf(error),
      })
    }
  }

  /** Attests where less than half a period is left, give or take; at the start, anyway. */
  async ensure(): Promise<void> {
    const { wallet, key } = this.parts
    const { client, network } = wallet
    const [{ until }, period, block] = await Promise.all([
      getBilling(wallet, key.address),
      client.readContract({
        address: network.contracts.workers,
        abi: WORKERS_ABI,
        functionName: 'coveragePeriod',
      }),
      client.getBlock(),
    ])
    this.period = Number(period)
    this.coveredUntil = Number(until)
    this.aheadSeconds = Number(block.timestamp) - Date.now() / 1000
    if (this.evidence && Number(until - block.timestamp) > this.period * this.threshold) return
    for (let attempt = 1; ; attempt++) {
      try {
        await this.parts.sequence.run(() => this.attest(attempt === 1))
        return
      } catch (error) {
        // Right after coverage was ended the chain wants a newer block than there is yet; and a block can be
        // reorganised away.
        const wantsAnotherBlock =
          error instanceof CloisterError && OTHER_BLOCK.includes(String(error.details['error']))
        if (!wantsAnotherBlock || attempt === TRIES_AT_START) throw error
        if (attempt === 1)
          this.parts.log('info', 'the chain takes evidence of a newer block; waiting for it', {
            error: messageOf(error),
          })
        await delay(1_000)
      }
    }
  }

  /** Keeps the worker covered until `signal`. */
  async keep(signal: AbortSignal): Promise<void> {
    const { log } = this.parts
    // Soon after a first failure, then more and more patiently.
    const retries = new GrowingPause({ firstMs: RETRY_MS, longestMs: LOOK_MS * 6 })
    await loop(signal, async () => {
      try {
        await this.ensure()
        if (this.failures > 0) log('info', 'attestation works again', { failures: this.failures })
        this.failures = 0
        retries.reset()
        return LOOK_MS
      } catch (error) {
        this.failures++
        const left = Math.max(0, Math.round(this.secondsLeft))
        log(this.alarm === undefined ? 'warn' : 'error', 'attestation could not be renewed', {
          attempt: this.failures,
          coveredFor: formatDuration(left),
          error: messageOf(error),
          ...(this.alarm !== undefined && { alarm: this.alarm }),
        })
        return retries.take()
      }
    })
  }

  /**
   * The chain takes no quote without fresh revocation lists; where ours can't be had, those that are there
   * may do.
   */
  private async postRevocations(quote: Uint8Array): Promise<void> {
    const { wallet, log } = this.parts
    try {
      const endorsements = await endorsementsFor(wallet.network, { kind: 'tdx', quote })
      const { lists, revoked, paidBack } = await ensureRevocations(wallet, quote, endorsements)
      if (lists > 0)
        log('info', 'revocation lists posted', {
          lists,
          newlyRevoked: revoked,
          paidBackWei: String(paidBack),
        })
    } catch (error) {
      log('warn', 'revocation lists could not be posted', { error: messageOf(error) })
    }
  }

  private async attest(withLists: boolean): Promise<void> {
    const { wallet, key, provider, tlsKeyHash, settlement, log } = this.parts
    const block = await freshBlock(wallet)
    const evidence = await this.quote(block.hash)
    let leases: Hex[] = []
    const guest = guestEvidence(evidence)
    if (guest.kind === 'tdx') {
      if (withLists) await this.postRevocations(evidence.quote)
      const pckKey = await ensurePlatform(wallet, evidence.quote)
      // Through the Market only what says nothing new: the first attestation, or one after a gap, is the
      // worker's own to hand in.
      if (this.evidence && this.secondsLeft > SURE_SECONDS) leases = await settlement.joinable()
      await attestWorker(
        wallet,
        { worker: key.address, tlsKeyHash, pckKey, block, quote: evidence.quote },
        leases,
      )
      if (leases.length > 0) settlement.markSettled()
    } else {
      // P-384 is beyond contracts: other providers' verifiers check it for them.
      const bound = {
        worker: key.address,
        tlsKeyHash,
        block: { number: Number(block.number), hash: block.hash },
      }
      const { platform, digest: measurement } = await claimsOf(guest.kind, evidence.quote)
      const own = { platform, measurement, gpuClass: '', gpus: 0, gpuIds: [] }
      const verdict = await collectVerdict({ wallet, key, provider, request: { ...bound, ...guest }, own })
      await handInVerdict(wallet, ...verdict)
    }
    this.evidence = { ...evidence, block }
    this.attestedAt = Date.now() / 1000
    this.threshold = RENEW_AT + (Math.random() * 2 - 1) * JITTER
    this.coveredUntil = Number((await getBilling(wallet, key.address)).until)
    for (const renewed of this.renewed) renewed()
    log('info', 'attested', {
      block: Number(block.number),
      until: new Date(this.coveredUntil * 1000).toISOString(),
      ...(leases.length > 0 && { settledLeases: leases.length }),
    })
  }
}
