import { type DevelopmentPair, startDevelopmentPair } from '@cloister/development/op-stack'
import type { Address, LocalAccount } from 'viem'
import { getBalance } from 'viem/actions'
import { type Advancing, connectSides, followTransfer, type Sides, type Transfer } from '../index.ts'
import { MemoryJournal } from './journal.ts'

/** A pair of chains to bridge between, where a test says when anything happens. */
export class Stage {
  readonly pair: DevelopmentPair
  readonly sides: Sides
  /** A new one for each test. */
  journal = new MemoryJournal()

  private constructor(pair: DevelopmentPair) {
    this.pair = pair
    this.sides = connectSides(pair.network)
  }

  static async open(): Promise<Stage> {
    return new Stage(await startDevelopmentPair())
  }

  account(index: number): LocalAccount {
    // Development accounts have keys.
    return this.pair.chain.wallet(index).account as LocalAccount
  }

  advancing(index = 5): Advancing {
    return { sides: this.sides, account: this.account(index), journal: this.journal }
  }

  async balances(address: Address): Promise<{ layer1: bigint; layer2: bigint }> {
    const { layer1, layer2 } = this.sides
    return { layer1: await getBalance(layer1, { address }), layer2: await getBalance(layer2, { address }) }
  }

  /** Brings deposits and outputs over, and lets layer 1's clock go on by a second, so that proofs count. */
  async settle(): Promise<void> {
    await this.pair.relay()
    await this.pair.propose()
    await this.pair.pass(1)
  }

  /** Takes a transfer to its end, with all that happens meanwhile. */
  async finish(transfer: Transfer, index = 5): Promise<Transfer> {
    let current = transfer
    for (let turn = 0; turn < 6; turn++) {
      const followed = await followTransfer({ ...this.advancing(index), once: true }, current)
      if (followed.status.phase === 'done') return followed.transfer
      current = followed.transfer
      if (followed.status.phase === 'waiting-for-end') await this.pair.pass(3_601)
      else await this.settle()
    }
    throw new Error('The transfer does not come to its end.')
  }
}

/** Why something is refused. */
export function reason(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'nothing was refused',
    (error) => error.message,
  )
}
