import { address } from '@cloister/core'
import {
  type Address,
  getAddress,
  keccak256,
  type PublicClient,
  pad,
  parseAbi,
  parseEther,
  slice,
  toBytes,
  zeroAddress,
  zeroHash,
} from 'viem'
import * as z from 'zod'
import { LEAST_DELAY_SECONDS, type Settings } from '../settings.ts'
import { equal, type Fact, funded, within } from './facts.ts'

/** Contracts of the chain on layer 1, as `op-deployer inspect l1` and OP Succinct's deployment name them. */
export const Deployed = z.strictObject({
  oracle: address,
  portal: address,
  systemConfig: address,
  superchainConfig: address,
  disputeGameFactory: address,
  standardBridge: address,
})
export type Deployed = z.infer<typeof Deployed>

/** Source: EIP-1967, "Admin address". */
const ADMIN_SLOT = '0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103'
/** OP Succinct's, of OptimismPortal2. */
const GAME_TYPE = 6
const GENESIS_CONFIG = keccak256(toBytes('opsuccinct_genesis'))
const ADMIN_ROLE = zeroHash
const PROPOSER_ROLE = keccak256(toBytes('PROPOSER_ROLE'))
const BLOCK_SECONDS = 2
/** What a proof may take beside the interval, as OP Succinct's proposer waits for one. */
const PROVING_SECONDS = 14_400
const LEAST_ETHER = parseEther('0.1')

const ABI = parseAbi([
  'function owner() view returns (address)',
  'function challenger() view returns (address)',
  'function approvedProposers(address) view returns (bool)',
  'function fallbackTimeout() view returns (uint256)',
  'function optimisticMode() view returns (bool)',
  'function verifier() view returns (address)',
  'function finalizationPeriodSeconds() view returns (uint256)',
  'function lastProposalTimestamp() view returns (uint256)',
  'function opSuccinctConfigs(bytes32) view returns (bytes32, bytes32, bytes32)',
  'function disputeGameFactory() view returns (address)',
  'function respectedGameType() view returns (uint32)',
  'function paused() view returns (bool)',
  'function gameImpls(uint32) view returns (address)',
  'function batcherHash() view returns (bytes32)',
  'function unsafeBlockSigner() view returns (address)',
  'function guardian() view returns (address)',
  'function getMinDelay() view returns (uint256)',
  'function hasRole(bytes32, address) view returns (bool)',
])

/**
 * What has to hold on layer 1: outputs are proved and nobody deletes them, anybody may propose, and whoever
 * can change that waits longer than people need to leave.
 */
export function layer1Facts(client: PublicClient, settings: Settings, deployed: Deployed): Fact[] {
  const { owner, accounts, proofs, layer1 } = settings
  const { oracle, portal, systemConfig, superchainConfig, disputeGameFactory } = deployed
  const view =
    (contract: Address, functionName: string, ...args: readonly unknown[]) =>
    () =>
      client.readContract({ address: contract, abi: ABI, functionName, args } as never) as Promise<unknown>
  const is = (
    what: string,
    should: string | number | boolean,
    contract: Address,
    name: string,
    ...args: unknown[]
  ) => equal(`${what}.${name}`, should, view(contract, name, ...args))
  return [
    equal('chain id of layer 1', layer1.chainId, () => client.getChainId()),
    is('oracle', owner, oracle, 'owner'),
    is('oracle', zeroAddress, oracle, 'challenger'),
    equal('oracle: anybody may propose', true, view(oracle, 'approvedProposers', zeroAddress)),
    within(
      'oracle.fallbackTimeout',
      { most: proofs.fallbackSeconds, unit: ' s' },
      view(oracle, 'fallbackTimeout'),
    ),
    is('oracle', false, oracle, 'optimisticMode'),
    is('oracle', proofs.verifier, oracle, 'verifier'),
    coded('oracle.verifier', client, proofs.verifier),
    is('oracle', proofs.finalizationSeconds, oracle, 'finalizationPeriodSeconds'),
    {
      what: 'oracle: programs and rollup that proofs are of',
      should: 'three hashes',
      read: view(oracle, 'opSuccinctConfigs', GENESIS_CONFIG),
      holds: (hashes: readonly string[]) => hashes.every((hash) => hash !== zeroHash),
    },
    is('oracle', disputeGameFactory, oracle, 'disputeGameFactory'),
    within(
      'seconds since the last output',
      { most: 2 * proofs.intervalBlocks * BLOCK_SECONDS + PROVING_SECONDS, unit: ' s' },
      async () =>
        (await client.getBlock()).timestamp - BigInt(String(await view(oracle, 'lastProposalTimestamp')())),
    ),
    is('portal', GAME_TYPE, portal, 'respectedGameType'),
    is('portal', false, portal, 'paused'),
    is('portal', disputeGameFactory, portal, 'disputeGameFactory'),
    is('disputeGameFactory', owner, disputeGameFactory, 'owner'),
    {
      what: `disputeGameFactory.gameImpls(${GAME_TYPE})`,
      should: 'OP Succinct’s wrapper',
      read: view(disputeGameFactory, 'gameImpls', GAME_TYPE),
      holds: (found: string) => found !== zeroAddress,
    },
    is('systemConfig', owner, systemConfig, 'owner'),
    is('systemConfig', pad(accounts.batcher), systemConfig, 'batcherHash'),
    is('systemConfig', accounts.sequencer, systemConfig, 'unsafeBlockSigner'),
    is('superchainConfig', owner, superchainConfig, 'guardian'),
    ...Object.entries(deployed).map(([name, proxy]) =>
      equal(`who can replace ${name}`, owner, () => ownerOfProxy(client, proxy)),
    ),
    coded('owner', client, owner),
    within('owner.getMinDelay', { least: LEAST_DELAY_SECONDS, unit: ' s' }, view(owner, 'getMinDelay')),
    ...Object.entries(accounts).flatMap(([name, account]) => [
      equal(`owner: ${name} proposes there`, false, view(owner, 'hasRole', PROPOSER_ROLE, account)),
      equal(`owner: ${name} is its admin`, false, view(owner, 'hasRole', ADMIN_ROLE, account)),
    ]),
    ...(['batcher', 'proposer'] as const).map((name) =>
      funded(`ether of the ${name}`, LEAST_ETHER, () => client.getBalance({ address: accounts[name] })),
    ),
  ]
}

function coded(what: string, client: PublicClient, contract: Address): Fact {
  return {
    what: `code of ${what}`,
    should: 'a contract',
    read: async () => (await client.getCode({ address: contract })) ?? '0x',
    holds: (code: string) => code !== '0x',
  }
}

/** Who owns the ProxyAdmin of a proxy. */
async function ownerOfProxy(client: PublicClient, proxy: Address): Promise<Address> {
  const word = await client.getStorageAt({ address: proxy, slot: ADMIN_SLOT })
  const admin = getAddress(slice(word ?? zeroHash, 12))
  return client.readContract({ address: admin, abi: ABI, functionName: 'owner' })
}
