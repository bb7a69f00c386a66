import { chainError, send, type Wallet } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { TransactionRequest } from '@cloister/workload/wire'
import type { Hex } from 'viem'
import type { Sequence } from '../sequence.ts'
import { allowedCall, type Call, isPayingIn } from './allowed-call.ts'
import type { GasBudget, GasLimits } from './gas-budget.ts'

/** Of the worker's ether, the most that one transaction may cost: coverage is paid for by the rest. */
const MOST_OF_BALANCE = 8n

const SPARE_GAS = 80_000

/** What transactions of workloads are sent with. */
export interface WorkloadSending {
  /** The worker's own account, which pays for the gas. */
  wallet: Wallet
  /** One transaction of the account after the other. */
  sequence: Sequence
  budget: Pick<GasBudget, 'take' | 'giveBack'>
  limits: GasLimits
  era: bigint
}

/**
 * Sends what workloads have to send: claims, draws and roots of receipts, by the worker's account, within a
 * budget of gas, one of a lease at a time. Nothing else of the worker's is in their reach.
 */
export class WorkloadTransactions {
  private readonly parts: WorkloadSending
  private readonly busy = new Set<Hex>()

  constructor(parts: WorkloadSending) {
    this.parts = parts
  }

  /**
   * Simulates, sends and waits for a call that a lease asks for. Throws `forbidden`, `not-found`, `too-busy`,
   * `too-many` where its gas is used up, `no-gas` where the worker has too little ether, `reverted`,
   * `chain-unreachable`.
   */
  async send(lease: Hex, request: TransactionRequest): Promise<Hex> {
    const { wallet, sequence, era } = this.parts
    const call = allowedCall(wallet, request, { lease, era })
    if (this.busy.has(lease))
      throw new CloisterError('too-busy', 'The worker sends one transaction of a lease after the other.')
    this.busy.add(lease)
    try {
      return await sequence.run(() => this.sendNow(lease, call))
    } finally {
      this.busy.delete(lease)
    }
  }

  private async sendNow(lease: Hex, call: Call): Promise<Hex> {
    const { wallet, budget, limits } = this.parts
    // As much as it may take when it is sent, and no more: others can change between the two what it does.
    const gas = Number(((await this.gasOf(call)) * 5n) / 4n) + SPARE_GAS
    const isOfStrangers = isPayingIn(call)
    budget.take(lease, gas, limits, { isOfStrangers })
    // Whatever fails from here on may have been spent.
    const { transactionHash, gasUsed } = await send(wallet, call as never, BigInt(gas))
    if (Number(gasUsed) < gas) budget.giveBack(lease, gas - Number(gasUsed), { isOfStrangers })
    return transactionHash
  }

  /** What the call takes. Throws where it would be reverted, or costs more than the worker can spare. */
  private async gasOf(call: Call): Promise<bigint> {
    const { client, account } = this.parts.wallet
    try {
      const [gas, balance, price] = await Promise.all([
        client.estimateContractGas({ ...call, account: account.address } as never),
        client.getBalance({ address: account.address }),
        client.getGasPrice(),
      ])
      if (gas * price * MOST_OF_BALANCE <= balance) return gas
    } catch (error) {
      throw chainError(call.functionName, error)
    }
    throw new CloisterError('no-gas', 'The worker has too little ether to send transactions for its leases.')
  }
}
