import { EMISSION_ABI, STAKE_ABI, TOKEN_ABI } from '@cloister/chain'
import {
  ARTIFACTS,
  account,
  COLLATERAL,
  contract,
  given,
  type Plan,
  runPlan,
  WEIGHTS,
} from '@cloister/contracts/deploy'
import { EMISSION_TOTAL } from '@cloister/economy'
import {
  type Abi,
  type Address,
  encodeFunctionData,
  type Hex,
  keccak256,
  type Log,
  stringToHex,
  type TransactionReceipt,
  toHex,
} from 'viem'
import { type DevelopmentChain, startDevelopmentChain } from './chain.ts'
import { TEST_WORKERS_ABI, TEST_WORKERS_BYTECODE } from './generated/test-contracts.ts'

const CLOI = 10n ** 18n
const START_AFTER = 100n

const GOVERNANCE = account('governance')

/** Stake and Emission with workers that say themselves what they are, and governance as the slasher. */
const STAGE: Plan = {
  contracts: [
    {
      name: 'token',
      contract: 'Token',
      args: [GOVERNANCE, [contract('emission'), GOVERNANCE], [EMISSION_TOTAL, 300_000_000n * CLOI]],
    },
    { name: 'workers', contract: 'TestWorkers', args: [] },
    { name: 'power', contract: 'Power', args: [contract('stake')] },
    {
      name: 'stake',
      contract: 'Stake',
      args: [
        GOVERNANCE,
        {
          token: contract('token'),
          workers: contract('workers'),
          rewarder: contract('emission'),
          power: contract('power'),
          slasher: GOVERNANCE,
          treasury: account('treasury'),
          start: given('emissionStart'),
        },
        COLLATERAL,
      ],
    },
    {
      name: 'emission',
      contract: 'Emission',
      args: [
        GOVERNANCE,
        contract('token'),
        contract('workers'),
        contract('stake'),
        account('treasury'),
        WEIGHTS,
      ],
    },
  ],
  steps: [{ to: 'workers', function: 'setObserver', args: [contract('emission')] }],
  facts: [],
  values: {},
}

/** What became of a transaction. */
export interface Done {
  /** Unix seconds. */
  at: number
  logs: Log[]
}

/**
 * Stake and Emission on a chain of their own, with workers whose coverage is a matter of saying so, and
 * anybody's account to send from. For tests and benchmarks that hold the model against the contracts.
 */
export interface EconomyStage {
  chain: DevelopmentChain
  /** When emission begins, Unix seconds. */
  start: number
  governance: Address
  treasury: Address
  token: Address
  workers: Address
  stake: Address
  emission: Address
  /** Sends as any account; undefined where the contract refuses. */
  send(
    from: Address,
    to: 'token' | 'workers' | 'stake' | 'emission',
    functionName: string,
    ...args: unknown[]
  ): Promise<Done | undefined>
  read(
    to: 'token' | 'workers' | 'stake' | 'emission',
    functionName: string,
    ...args: unknown[]
  ): Promise<unknown>
  /** Gives an account ether and CLOI, and lets Stake take them. */
  fund(account: Address, amount: bigint): Promise<void>
  stop(): Promise<void>
}

/** An address for a name, which nobody has the key of. */
export function addressOf(name: string): Address {
  return `0x${keccak256(toHex(name)).slice(-40)}`
}

/** A GPU class as the contracts have it. */
export function classOf(name: string): Hex {
  return stringToHex(name, { size: 32 })
}

/** Starts the stage, on a chain of its own. Throws `chain-unreachable`. */
export async function raiseEconomy(): Promise<EconomyStage> {
  const chain = await startDevelopmentChain(['--auto-impersonate'])
  const own = chain.wallet(0)
  const { client } = own
  const governance = own.account.address
  const treasury = addressOf('treasury')
  const start = (await client.getBlock()).timestamp + START_AFTER
  const { deployment } = await runPlan(own, {
    plan: STAGE,
    artifacts: { ...ARTIFACTS, TestWorkers: { abi: TEST_WORKERS_ABI, bytecode: TEST_WORKERS_BYTECODE } },
    accounts: { governance, treasury },
    given: { emissionStart: start },
  })
  const { token, workers, stake, emission } = deployment.addresses as Record<
    'token' | 'workers' | 'stake' | 'emission',
    Address
  >
  const addresses: Record<string, Address> = deployment.addresses
  const abis: Record<string, Abi> = {
    token: TOKEN_ABI,
    workers: TEST_WORKERS_ABI,
    stake: STAKE_ABI,
    emission: EMISSION_ABI,
  }

  const request = client.request as (call: { method: string; params: unknown[] }) => Promise<unknown>
  const send: EconomyStage['send'] = async (from, to, functionName, ...args) => {
    const data = encodeFunctionData({ abi: abis[to] ?? [], functionName, args })
    // anvil sends for anybody here, and a transaction is in a block a moment after it is taken.
    const hash = await request({
      method: 'eth_sendTransaction',
      params: [{ from, to: addresses[to], data, gas: '0x2625a00' }],
    })
    let receipt: TransactionReceipt | undefined
    while (!receipt)
      receipt = await client.getTransactionReceipt({ hash: hash as Hex }).catch(() => undefined)
    if (receipt.status !== 'success') return undefined
    return {
      at: Number((await client.getBlock({ blockNumber: receipt.blockNumber })).timestamp),
      logs: receipt.logs,
    }
  }
  return {
    chain,
    start: Number(start),
    governance,
    treasury,
    token,
    workers,
    stake,
    emission,
    send,
    read: (to, functionName, ...args) =>
      client.readContract({ address: addresses[to] ?? token, abi: abis[to] ?? [], functionName, args }),
    fund: async (who, amount) => {
      await request({ method: 'anvil_setBalance', params: [who, '0x8ac7230489e80000'] })
      await send(governance, 'token', 'mint', who, amount)
      await send(who, 'token', 'approve', stake, 2n ** 255n)
    },
    stop: () => chain.stop(),
  }
}
