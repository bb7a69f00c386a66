import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Network } from '@cloister/chain'
import { DEVELOPMENT_ROLES, developmentAccount } from '../accounts.ts'
import { argumentsOf, type DevelopmentChain, startAnvil, startDevelopmentChain } from '../chain.ts'
import { connectSide, type Side } from './clients.ts'
import { deployLayer1, initializeLayer2, type Layer1Choices, type Layer1Contracts } from './deploy.ts'
import { LAYER1_CHAIN_ID, layer1Genesis, layer2Genesis } from './genesis.ts'
import { layer1Of } from './network.ts'
import { type Proposing, proposeOutput } from './propose.ts'
import { relayDeposits } from './relay.ts'

const POLLING_MS = 50

/** A layer 1 and a layer 2 on it with the network's contracts, which nothing passes between by itself. */
export interface DevelopmentPair {
  /** Layer 2; its network's description knows layer 1. */
  chain: DevelopmentChain
  network: Network
  layer1: Side
  layer2: Side
  contracts: Layer1Contracts
  proposing: Proposing
  /** Brings deposits over that layer 2 hasn't got. */
  relay(): Promise<void>
  /** Proposes layer 2's latest output; false where the last one is too near. */
  propose(): Promise<boolean>
  /** Moves layer 1's clock. */
  pass(seconds: number): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts two anvils on free ports with the OP Stack's contracts between them, for tests: a block per
 * transaction, deposits and outputs when asked for.
 */
export async function startDevelopmentPair(
  choices: Partial<Omit<Layer1Choices, 'prover'>> = {},
): Promise<DevelopmentPair> {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-pair-'))
  const now = Math.floor(Date.now() / 1000)
  const deployer = developmentAccount({ name: 'pair', development: true }, DEVELOPMENT_ROLES.faucet)
  writeFileSync(join(folder, '1.json'), layer1Genesis(now - 60, deployer.address))
  writeFileSync(join(folder, '2.json'), layer2Genesis(31337, now - 60))
  const [anvil, chain] = await Promise.all([
    startAnvil([...argumentsOf(LAYER1_CHAIN_ID), '--init', join(folder, '1.json')]),
    startDevelopmentChain(['--network', 'optimism', '--init', join(folder, '2.json')]),
  ])
  rmSync(folder, { recursive: true })
  const layer1 = connectSide(anvil.rpcUrl, LAYER1_CHAIN_ID, POLLING_MS)
  const layer2 = connectSide(chain.network.rpcUrl, chain.network.chainId, POLLING_MS)
  const account = (index: number) => developmentAccount(chain.network, index)
  const prover = account(DEVELOPMENT_ROLES.prover)
  const contracts = await deployLayer1({ layer1, layer2 }, deployer, {
    delaySeconds: 3_600,
    submissionInterval: 1,
    ...choices,
    prover: prover.address,
  })
  await initializeLayer2(layer2, deployer, contracts)
  const network = await layer1Of(chain.network, { layer1, rpcUrl: anvil.rpcUrl, contracts }, deployer)
  const proposing = { layer1, layer2, oracle: contracts.oracle, prover }
  let relayed = 0n
  const ask = (method: string, ...params: unknown[]) => layer1.request({ method, params } as never)
  return {
    chain,
    network,
    layer1,
    layer2,
    contracts,
    proposing,
    relay: async () => {
      relayed = await relayDeposits({ layer1, layer2 }, contracts.portal, relayed)
    },
    propose: async () => (await proposeOutput(proposing)) !== undefined,
    pass: async (seconds) => {
      await ask('evm_increaseTime', seconds)
      await ask('evm_mine')
    },
    stop: async () => void (await Promise.all([anvil.stop(), chain.stop()])),
  }
}
