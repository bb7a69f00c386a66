import { CloisterError, loop, messageOf, receiptToJson, type SignedReceipt } from '@cloister/core'
import type { Address, Hex } from 'viem'
import { InferenceReceipt, receiptContent, receiptDigest } from '../protocol/receipt.ts'
import type { Store } from './store.ts'

/** Receipts that are signed before the event loop gets to something else. */
const AT_ONCE = 32
const LOOK_MS = 5_000

/** Has the worker sign receipts, soon after they were written: no answer waits for a signature. */
export class Notary {
  private readonly agent: { receipt(content: Hex): Promise<SignedReceipt> }
  private readonly store: Store
  private readonly ground: { chainId: number; workers: Address }
  private readonly log: (line: string) => void
  private readonly signing = new Map<string, Promise<void>>()
  private wake = () => {}

  constructor(
    agent: { receipt(content: Hex): Promise<SignedReceipt> },
    store: Store,
    ground: { chainId: number; workers: Address },
    log: (line: string) => void,
  ) {
    this.agent = agent
    this.store = store
    this.ground = ground
    this.log = log
  }

  /** Something waits for its signature. */
  written(): void {
    this.wake()
  }

  /** Signs what waits, until `signal`; what was written before a crash as well. */
  async keep(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await loop(signal, async () => {
      const woken = new Promise<void>((resolve) => {
        this.wake = resolve
      })
      try {
        const ids = this.store.unsigned(AT_ONCE)
        for (const id of ids) await this.sign(id)
        if (ids.length > 0) return 0
      } catch (error) {
        this.log(`receipts can not be signed now: ${messageOf(error)}`)
        return LOOK_MS
      }
      await Promise.race([woken, aborted])
      return 0
    })
  }

  /** A receipt, signed. Throws `not-found`, and what the agent throws. */
  async receipt(id: string): Promise<InferenceReceipt> {
    if (this.store.receipt(id)?.signed === undefined) await this.sign(id)
    return InferenceReceipt.parse(this.store.receipt(id))
  }

  private sign(id: string): Promise<void> {
    let signing = this.signing.get(id)
    if (!signing) {
      signing = this.signOnce(id).finally(() => this.signing.delete(id))
      this.signing.set(id, signing)
    }
    return signing
  }

  private async signOnce(id: string): Promise<void> {
    const kept = this.store.receipt(id)
    if (!kept) throw new CloisterError('not-found', 'There is no such receipt here.')
    const signed = receiptToJson(await this.agent.receipt(receiptContent(kept)))
    this.store.sign(id, signed, receiptDigest(signed, this.ground))
  }
}
