import { connectWallet, findToken, STAKE_ABI, type Wallet } from '@cloister/chain'
import { developmentAccount } from '@cloister/development/accounts'
import { Economy } from '@cloister/economy/model'
import { createCloister } from '@cloister/sdk'
import { type Address, type Hex, parseEventLogs } from 'viem'
import { type Json, type Stage, until } from '../embedded.ts'
import type { GpuWorker } from './gpu-workers.ts'

export const CLOI = 10n ** 18n
/** Accounts that stake, by their numbers. */
export const STAKERS = [1, 2, 3, 4, 5, 6, 7, 8]

type StakeLog = Awaited<ReturnType<Ground['stakeLogs']>>[number]

/** A network, and the model of its economy beside it, which is told all that is done. */
export class Ground {
  readonly stage: Stage
  readonly economy: Economy
  readonly cloi: Address
  /** Workers with GPUs, whose providers are accounts 1 to 3. */
  readonly workers: GpuWorker[]
  /** Verifies only, so that one of the others may be away. */
  readonly verifier: GpuWorker

  constructor(stage: Stage, workers: GpuWorker[], verifier: GpuWorker) {
    const { network } = stage.embedded
    this.stage = stage
    this.workers = workers
    this.verifier = verifier
    this.cloi = findToken(network, 'CLOI').address
    this.economy = Economy.deployed({ start: network.emissionStart, treasury: network.contracts.safe })
    for (const { key, provider } of workers) this.economy.join(key.address, provider.account.address)
  }

  wallet(account: number): Wallet {
    const { network } = this.stage.embedded
    return connectWallet(network, developmentAccount(network, account))
  }

  address(account: number): Address {
    return developmentAccount(this.stage.embedded.network, account).address
  }

  /** Whose balances the model knows: who stakes, and the treasury. */
  holders(): Address[] {
    return [...STAKERS.map((account) => this.address(account)), this.stage.embedded.network.contracts.safe]
  }

  /** Runs `cloister stake …` of an account, and reads its answer. */
  stake(account: number, ...words: string[]): Promise<Json> {
    return this.stage.json('stake', ...words, '--account', `dev${account}`)
  }

  /** The chain's time, Unix seconds. */
  async now(): Promise<number> {
    return Number((await this.wallet(0).client.getBlock()).timestamp)
  }

  /** Moves the chain's clock ahead to an instant, unless it is there. */
  async passTo(instant: number): Promise<void> {
    const ahead = instant - (await this.now())
    if (ahead > 0)
      await this.wallet(0).client.request({ method: 'evm_increaseTime', params: [ahead] } as never)
    await until('the chain is there', async () => (await this.now()) >= instant)
  }

  /** The instant a transaction is in the chain at. */
  async timeOf(transaction: Hex): Promise<number> {
    const { client } = this.wallet(0)
    const { blockNumber } = await client.getTransactionReceipt({ hash: transaction })
    return Number((await client.getBlock({ blockNumber })).timestamp)
  }

  /** All events of Stake so far, with the instants they happened at. */
  async stakeLogs() {
    const { client, network } = this.wallet(0)
    const logs = parseEventLogs({
      abi: STAKE_ABI,
      logs: await client.getLogs({ address: network.contracts.stake, fromBlock: 0n }),
    })
    return Promise.all(
      logs.map(async (log) => ({
        ...log,
        time: Number((await client.getBlock({ blockNumber: log.blockNumber })).timestamp),
      })),
    )
  }

  /** The newest event of a name. */
  async last<name extends StakeLog['eventName']>(eventName: name) {
    const found = (await this.stakeLogs()).findLast((log) => log.eventName === eventName)
    if (!found) throw new Error(`no ${eventName} happened`)
    return found as Extract<StakeLog, { eventName: name }>
  }

  /** Asks the index once it has come as far as the chain. */
  async synced<T>(ask: (index: ReturnType<typeof createCloister>['index']) => Promise<T>): Promise<T> {
    const { index } = createCloister({ network: this.stage.embedded.network })
    const head = Number(await this.wallet(0).client.getBlockNumber())
    await until('the index has caught up', async () => (await index.status()).block >= head)
    return ask(index)
  }
}
