import type { Wallet } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type Address, encodeDeployData, encodeFunctionData, getContractAddress, type Hex } from 'viem'
import type { Step } from './plan.ts'
import { artifactOf, type Deployment, resolve } from './resolve.ts'
import { creationOfSafe } from './safe.ts'

/** How a plan's transactions are sent. */
export interface Sending {
  /**
   * Sends all of them at once, with so much gas each: what rests on contracts that aren't there yet can't be
   * estimated. For development chains, whose blocks have room for it. Otherwise each waits for the one
   * before, and its gas is estimated.
   */
  atOnce?: { gasOfContract: bigint; gasOfStep: bigint }
}

/** A transaction of the plan's. */
interface Call {
  /** For people: contract and function. */
  what: string
  to: Address
  data: Hex
  wei: bigint
}

/** What came of running a plan. */
export interface Outcome {
  deployment: Deployment
  /** Block of the first contract. */
  block: number
}

const WAIT_MS = 60_000

/**
 * Deploys a plan's contracts from the wallet's account, in order, and takes its steps. Addresses are known
 * beforehand, from the account's nonce, so that contracts can name each other; nothing else may be sent from
 * the account meanwhile. Throws `bad-plan` before anything is sent, and `deploy-failed` where a transaction
 * is reverted.
 */
export async function runPlan(
  wallet: Wallet,
  open: Omit<Deployment, 'addresses'>,
  { atOnce }: Sending = {},
): Promise<Outcome> {
  const { client } = wallet
  const deployer = wallet.account.address
  const first = await client.getTransactionCount({ address: deployer })
  const { contracts, steps } = open.plan
  const addresses = Object.fromEntries(
    contracts.map(({ name }, index) => [
      name,
      getContractAddress({ from: deployer, nonce: BigInt(first + index) }),
    ]),
  )
  const { deployment, creation } = withSafe({
    ...open,
    accounts: { ...open.accounts, deployer },
    addresses,
  })
  const creations = contracts.map(({ name, args }) => {
    const { abi, bytecode } = artifactOf(deployment, name)
    return encodeDeployData({ abi, bytecode, args: resolve(deployment, args) as unknown[] })
  })
  const calls = [...creation, ...steps.map((step) => callOf(deployment, step))]
  const transactions = [
    ...creations.map((data, index) => ({
      what: contracts[index]?.name ?? '',
      data,
      gas: atOnce?.gasOfContract,
    })),
    ...calls.map(({ what, to, data, wei }) => ({ what, to, data, value: wei, gas: atOnce?.gasOfStep })),
  ]
  // Asked for once where all are sent within the same block.
  const fees = atOnce ? { ...(await client.estimateFeesPerGas()), type: 'eip1559' } : {}
  const waiting: Promise<bigint>[] = []
  for (const [index, { what, ...transaction }] of transactions.entries()) {
    const sent = wallet.wallet.sendTransaction({
      ...transaction,
      ...fees,
      nonce: first + index,
      account: wallet.account,
      chain: null,
    } as never)
    const mined = sent.then((hash) => minedBlock(wallet, what, hash))
    mined.catch(() => {})
    waiting.push(mined)
    if (!atOnce) await mined
  }
  const [block = 0n] = await Promise.all(waiting)
  return { deployment, block: Number(block) }
}

async function minedBlock({ client }: Wallet, what: string, hash: Hex): Promise<bigint> {
  const { status, blockNumber } = await client.waitForTransactionReceipt({ hash, timeout: WAIT_MS })
  if (status === 'success') return blockNumber
  throw new CloisterError(
    'deploy-failed',
    `The contracts could not be deployed: ${what} was reverted, in transaction ${hash}.`,
  )
}

/** A deployment with the address of its plan's Safe, and the call that creates that. */
function withSafe(deployment: Deployment): { deployment: Deployment; creation: Call[] } {
  const { safe } = deployment.plan
  if (!safe) return { deployment, creation: [] }
  const { address, to, data } = creationOfSafe(deployment, safe)
  return {
    deployment: { ...deployment, addresses: { ...deployment.addresses, safe: address } },
    creation: [{ what: 'safe', to, data, wei: 0n }],
  }
}

function callOf(deployment: Deployment, step: Step): Call {
  const to = resolve(deployment, { contract: step.to }) as Address
  if ('wei' in step) return { what: `ether for ${step.to}`, to, data: '0x', wei: step.wei }
  const { abi } = artifactOf(deployment, step.to)
  const args = resolve(deployment, step.args) as unknown[]
  return {
    what: `${step.to}.${step.function}`,
    to,
    data: encodeFunctionData({ abi, functionName: step.function, args }),
    wei: 0n,
  }
}
