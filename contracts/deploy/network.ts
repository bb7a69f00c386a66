import { connectWallet, Network, type Token } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type Account, type Address, zeroAddress } from 'viem'
import type { Deployment } from './resolve.ts'
import { runPlan, type Sending } from './run.ts'

/** A network whose contracts aren't deployed. */
export type Undeployed = Omit<Network, 'contracts' | 'deployedAt' | 'emissionStart' | 'tokens'>

/** A network with contracts, and what they were deployed from. */
export interface DeployedNetwork {
  network: Network
  deployment: Deployment
}

const Contracts = Network.shape.contracts
const NOWHERE = Contracts.parse(
  Object.fromEntries(Object.keys(Contracts.shape).map((name) => [name, zeroAddress])),
)

/**
 * Runs a network's plan from an account and completes the network's description with what came of it.
 * `stable` is the token beside CLOI; it has no address where the plan deploys it, as `usdc`. Throws
 * `bad-network` where the chain is another one, and what `runPlan` throws.
 */
export async function deployNetwork(
  undeployed: Undeployed,
  deployer: Account,
  open: Omit<Deployment, 'addresses'> & { given: { emissionStart: bigint | number } },
  stable: Omit<Token, 'address'> & { address?: Address },
  sending: Sending = {},
): Promise<DeployedNetwork> {
  const empty = { ...undeployed, contracts: NOWHERE, deployedAt: 0, emissionStart: 0, tokens: [] }
  const wallet = connectWallet(empty, deployer)
  const found = await wallet.client.getChainId()
  if (found !== undeployed.chainId)
    throw new CloisterError(
      'bad-network',
      `The chain at ${undeployed.rpcUrl} is ${found}, and ${undeployed.name} is on ${undeployed.chainId}.`,
    )
  const { deployment, block } = await runPlan(wallet, open, sending)
  const { cloi = zeroAddress, usdc = zeroAddress } = deployment.addresses
  const network: Network = {
    ...undeployed,
    contracts: Contracts.parse(deployment.addresses),
    deployedAt: block,
    emissionStart: Number(open.given.emissionStart),
    tokens: [
      { symbol: 'CLOI', decimals: 18, address: cloi },
      { address: usdc, ...stable },
    ],
  }
  return { network, deployment }
}
