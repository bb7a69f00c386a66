import { CloisterError } from '@cloister/core'
import {
  type Account,
  type Address,
  getContractAddress,
  type Hex,
  keccak256,
  type TransactionReceipt,
  type TransactionSerializableEIP1559,
} from 'viem'
import {
  estimateFeesPerGas,
  getTransactionCount,
  sendRawTransaction,
  waitForTransactionReceipt,
} from 'viem/actions'
import type { Side } from './clients.ts'

const GAS = 7_000_000n
const WAIT_MS = 10_000
const MOST_TRIES = 6

/** What was signed, by what it is for: it is kept before it is sent, and sent again after a crash. */
export interface Commitments {
  /** Undefined where nothing was signed for that yet. */
  read(purpose: string): Committed | undefined
  write(purpose: string, committed: Committed): void
}

/** Signed transactions of one account, from a nonce on. */
export interface Committed {
  nonce: number
  raw: Hex[]
}

/** Keeps nothing, for chains that end with their test. */
const NOTHING_KEPT: Commitments = { read: () => undefined, write: () => {} }

/** Transactions of one account that go out at once, each with its nonce, so that they share blocks. */
export class Queue {
  private readonly side: Side
  private readonly account: Account
  private nonce: number
  private readonly before: Committed | undefined
  private readonly commit: (committed: Committed) => void
  private readonly waiting: { to?: Address; data: Hex; value?: bigint; nonce: number }[] = []

  private constructor(
    side: Side,
    account: Account,
    nonce: number,
    before: Committed | undefined,
    commit: (committed: Committed) => void,
  ) {
    this.side = side
    this.account = account
    this.nonce = nonce
    this.before = before
    this.commit = commit
  }

  /** `purpose` names it among what is kept. */
  static async of(
    side: Side,
    account: Account,
    purpose: string,
    { read, write }: Commitments = NOTHING_KEPT,
  ): Promise<Queue> {
    const before = read(purpose)
    const nonce = before?.nonce ?? (await getTransactionCount(side, { address: account.address }))
    return new Queue(side, account, nonce, before, (committed) => write(purpose, committed))
  }

  create(data: Hex): Address {
    const nonce = this.nonce++
    this.waiting.push({ data, nonce })
    return getContractAddress({ from: this.account.address, nonce: BigInt(nonce) })
  }

  call(to: Address, data: Hex, value = 0n): void {
    this.waiting.push({ to, data, value, nonce: this.nonce++ })
  }

  /**
   * Sends what waits, or what was signed for it before, and again what gets into no block for a while: a busy
   * node may lose some of it. Throws `deploy-failed`.
   */
  async done(): Promise<TransactionReceipt[]> {
    const raw = this.before?.raw ?? (await this.signAll())
    for (const serializedTransaction of raw) {
      const sent = sendRawTransaction(this.side, { serializedTransaction })
      // Of what was signed before, the chain may have some.
      await (this.before ? sent.catch(() => {}) : sent)
    }
    return Promise.all(raw.map((one) => this.mined(one)))
  }

  private async signAll(): Promise<Hex[]> {
    const { maxFeePerGas, maxPriorityFeePerGas } = await estimateFeesPerGas(this.side)
    const fees = {
      type: 'eip1559',
      chainId: this.side.chain.id,
      gas: GAS,
      maxFeePerGas: maxFeePerGas * 2n,
      maxPriorityFeePerGas,
    } as const
    const raw = await Promise.all(this.waiting.map((one) => this.sign({ ...one, ...fees })))
    this.commit({ nonce: this.nonce - raw.length, raw })
    return raw
  }

  private async sign(transaction: TransactionSerializableEIP1559): Promise<Hex> {
    if (this.account.signTransaction) return this.account.signTransaction(transaction)
    throw new CloisterError('bad-key', 'The account that deploys has no key here.')
  }

  private async mined(raw: Hex): Promise<TransactionReceipt> {
    const hash = keccak256(raw)
    for (let tries = 1; ; tries++) {
      const receipt = await waitForTransactionReceipt(this.side, { hash, timeout: WAIT_MS }).catch(
        (error) => {
          if (tries === MOST_TRIES) throw error
        },
      )
      if (receipt?.status === 'success') return receipt
      if (receipt)
        throw new CloisterError('deploy-failed', `The OP Stack's contracts were not deployed: ${hash}.`)
      await sendRawTransaction(this.side, { serializedTransaction: raw }).catch(() => {})
    }
  }
}
