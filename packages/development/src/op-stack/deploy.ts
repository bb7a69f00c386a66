import { CloisterError } from '@cloister/core'
import {
  type Account,
  type Address,
  encodeDeployData,
  encodeFunctionData,
  getAddress,
  getContractAddress,
  type Hex,
  keccak256,
  parseAbi,
  stringToHex,
  zeroAddress,
  zeroHash,
} from 'viem'
import {
  SIMULATED_VERIFIER_ABI,
  SIMULATED_VERIFIER_BYTECODE,
  VALIDITY_GAME_ABI,
  VALIDITY_GAME_BYTECODE,
  VALIDITY_ORACLE_ABI,
  VALIDITY_ORACLE_BYTECODE,
} from '../generated/test-contracts.ts'
import type { Side } from './clients.ts'
import { type Created, opStackCode } from './code.ts'
import { PREDEPLOYS } from './genesis.ts'
import { type Output, outputAt } from './output.ts'
import { type Commitments, Queue } from './queue.ts'

/** OP Succinct's type of dispute games, as `ValidityOracle` has it. */
const GAME_TYPE = 6
/** Wei that development accounts have on layer 2 from its beginning: it can all be withdrawn. */
const BACKING = 100_000n * 10n ** 18n

/** Programs that would prove, and the chain that they would prove: any name is as good as another here. */
export const CONFIG_NAME: Hex = keccak256(stringToHex('opsuccinct_genesis'))
export const CONFIG = {
  aggregationVkey: keccak256(stringToHex('simulated aggregation program')),
  rangeVkeyCommitment: keccak256(stringToHex('simulated range program')),
  rollupConfigHash: keccak256(stringToHex('embedded rollup')),
}

const ABI = parseAbi([
  'constructor(address admin)',
  'function upgradeToAndCall(address implementation, bytes data)',
  'function donateETH() payable',
  'function setImplementation(uint32 gameType, address implementation)',
  'function createOptimismMintableERC20WithDecimals(address remote, string name, string symbol, uint8 decimals)',
])
const INITIALIZE = {
  SuperchainConfig: parseAbi(['function initialize(address guardian, bool paused)']),
  SystemConfig: parseAbi([
    'struct Resource { uint32 maxResourceLimit; uint8 elasticityMultiplier; uint8 baseFeeMaxChangeDenominator; uint32 minimumBaseFee; uint32 systemTxMaxGas; uint128 maximumBaseFee; }',
    'struct Addresses { address l1CrossDomainMessenger; address l1ERC721Bridge; address l1StandardBridge; address disputeGameFactory; address optimismPortal; address optimismMintableERC20Factory; address gasPayingToken; }',
    'function initialize(address owner, uint32 basefeeScalar, uint32 blobbasefeeScalar, bytes32 batcherHash, uint64 gasLimit, address unsafeBlockSigner, Resource config, address batchInbox, Addresses addresses)',
  ]),
  OptimismPortal2: parseAbi([
    'constructor(uint256 proofMaturityDelaySeconds, uint256 disputeGameFinalityDelaySeconds)',
    'function initialize(address disputeGameFactory, address systemConfig, address superchainConfig, uint32 gameType)',
  ]),
  DisputeGameFactory: parseAbi(['function initialize(address owner)']),
  Bridging: parseAbi(['function initialize(address one, address two, address three)']),
  One: parseAbi(['function initialize(address other)']),
}
/** As OP Mainnet has it. */
const RESOURCE = {
  maxResourceLimit: 20_000_000,
  elasticityMultiplier: 10,
  baseFeeMaxChangeDenominator: 8,
  minimumBaseFee: 1_000_000_000,
  systemTxMaxGas: 1_000_000,
  maximumBaseFee: 2n ** 128n - 1n,
}
const PROXIED = [
  'SuperchainConfig',
  'SystemConfig',
  'OptimismPortal2',
  'DisputeGameFactory',
  'L1CrossDomainMessenger',
  'L1StandardBridge',
  'OptimismMintableERC20Factory',
] as const satisfies Created[]

/** The OP Stack's contracts on layer 1, and what outputs are proved to. */
export interface Layer1Contracts {
  portal: Address
  systemConfig: Address
  disputeGameFactory: Address
  messenger: Address
  standardBridge: Address
  mintableFactory: Address
  oracle: Address
  verifier: Address
}

/** What of a layer 1 is chosen. */
export interface Layer1Choices {
  /** Seconds between a withdrawal's proof and its end, and between an output's and that. */
  delaySeconds: number
  /** Blocks of layer 2 between two outputs, at the least. */
  submissionInterval: number
  /** Whose signatures are taken for proofs. */
  prover: Address
}

/** Where the portal comes to be that an account deploys by its first transactions. */
export function portalOf(deployer: Address): Address {
  return getContractAddress({ from: deployer, nonce: BigInt(PROXIED.indexOf('OptimismPortal2')) })
}

/**
 * Deploys the OP Stack's contracts on layer 1, for a layer 2 that is up, to go on from its latest output; or
 * goes on where `commitments` say that it was begun. Throws `deploy-failed`.
 */
export async function deployLayer1(
  { layer1, layer2 }: { layer1: Side; layer2: Side },
  deployer: Account,
  { delaySeconds, submissionInterval, prover }: Layer1Choices,
  commitments?: Commitments,
): Promise<Layer1Contracts> {
  const first = await outputAt(layer2)
  const queue = await Queue.of(layer1, deployer, 'layer 1', commitments)
  const { created } = opStackCode()
  const owner = deployer.address
  const proxyCode = encodeDeployData({ abi: ABI, bytecode: created.Proxy, args: [owner] })
  const at = Object.fromEntries(PROXIED.map((name) => [name, queue.create(proxyCode)])) as Record<
    (typeof PROXIED)[number],
    Address
  >
  const delay = BigInt(delaySeconds)
  const portalCode = encodeDeployData({
    abi: INITIALIZE.OptimismPortal2,
    bytecode: created.OptimismPortal2,
    args: [delay, delay],
  })
  const initial = initialCalls(at, owner)
  for (const name of PROXIED) {
    const implementation = queue.create(name === 'OptimismPortal2' ? portalCode : created[name])
    const args = [implementation, initial[name]] as const
    queue.call(at[name], encodeFunctionData({ abi: ABI, functionName: 'upgradeToAndCall', args }))
  }
  const verifier = queue.create(
    encodeDeployData({ abi: SIMULATED_VERIFIER_ABI, bytecode: SIMULATED_VERIFIER_BYTECODE, args: [prover] }),
  )
  const oracle = queue.create(oracleCode(verifier, at.DisputeGameFactory, first, submissionInterval))
  const game = queue.create(
    encodeDeployData({ abi: VALIDITY_GAME_ABI, bytecode: VALIDITY_GAME_BYTECODE, args: [oracle] }),
  )
  queue.call(
    at.DisputeGameFactory,
    encodeFunctionData({ abi: ABI, functionName: 'setImplementation', args: [GAME_TYPE, game] }),
  )
  queue.call(at.OptimismPortal2, encodeFunctionData({ abi: ABI, functionName: 'donateETH' }), BACKING)
  await queue.done()
  return {
    portal: at.OptimismPortal2,
    systemConfig: at.SystemConfig,
    disputeGameFactory: at.DisputeGameFactory,
    messenger: at.L1CrossDomainMessenger,
    standardBridge: at.L1StandardBridge,
    mintableFactory: at.OptimismMintableERC20Factory,
    oracle,
    verifier,
  }
}

function initialCalls(at: Record<(typeof PROXIED)[number], Address>, owner: Address) {
  const call = (abi: unknown, args: readonly unknown[]): Hex =>
    encodeFunctionData({ abi, functionName: 'initialize', args } as never)
  const addresses = {
    l1CrossDomainMessenger: at.L1CrossDomainMessenger,
    l1ERC721Bridge: zeroAddress,
    l1StandardBridge: at.L1StandardBridge,
    disputeGameFactory: at.DisputeGameFactory,
    optimismPortal: at.OptimismPortal2,
    optimismMintableERC20Factory: at.OptimismMintableERC20Factory,
    gasPayingToken: zeroAddress,
  }
  const bridging = (one: Address, two: Address, three: Address) =>
    call(INITIALIZE.Bridging, [one, two, three])
  return {
    SuperchainConfig: call(INITIALIZE.SuperchainConfig, [owner, false]),
    SystemConfig: call(INITIALIZE.SystemConfig, [
      owner,
      0,
      0,
      zeroHash,
      60_000_000n,
      zeroAddress,
      RESOURCE,
      zeroAddress,
      addresses,
    ]),
    OptimismPortal2: call(INITIALIZE.OptimismPortal2, [
      at.DisputeGameFactory,
      at.SystemConfig,
      at.SuperchainConfig,
      GAME_TYPE,
    ]),
    DisputeGameFactory: call(INITIALIZE.DisputeGameFactory, [owner]),
    L1CrossDomainMessenger: bridging(at.SuperchainConfig, at.OptimismPortal2, at.SystemConfig),
    L1StandardBridge: bridging(at.L1CrossDomainMessenger, at.SuperchainConfig, at.SystemConfig),
    OptimismMintableERC20Factory: call(INITIALIZE.One, [at.L1StandardBridge]),
  }
}

function oracleCode(verifier: Address, factory: Address, first: Output, submissionInterval: number): Hex {
  const output = { outputRoot: first.root, timestamp: first.time, l2BlockNumber: first.blockNumber }
  return encodeDeployData({
    abi: VALIDITY_ORACLE_ABI,
    bytecode: VALIDITY_ORACLE_BYTECODE,
    args: [verifier, factory, CONFIG_NAME, CONFIG, output, BigInt(submissionInterval)],
  })
}

/** Tells a layer 2's contracts of their counterparts on layer 1. Whoever comes first can, and only once. */
export async function initializeLayer2(
  layer2: Side,
  account: Account,
  { messenger, standardBridge }: Pick<Layer1Contracts, 'messenger' | 'standardBridge'>,
  commitments?: Commitments,
): Promise<void> {
  const queue = await Queue.of(layer2, account, 'layer 2', commitments)
  const others = {
    L2CrossDomainMessenger: messenger,
    L2StandardBridge: standardBridge,
    OptimismMintableERC20Factory: PREDEPLOYS.L2StandardBridge,
  } as const
  for (const [name, other] of Object.entries(others))
    queue.call(
      PREDEPLOYS[name as keyof typeof others],
      encodeFunctionData({ abi: INITIALIZE.One, functionName: 'initialize', args: [other] }),
    )
  await queue.done()
}

/** A token that a factory is to make. */
export interface Mintable {
  remote: Address
  name: string
  symbol: string
  decimals: number
}

/**
 * Has a factory make the forms of another chain's tokens on this one, which the bridge alone creates and
 * destroys. Their addresses follow from what they are (OptimismMintableERC20Factory, CREATE2).
 */
export async function createMintables(
  side: Side,
  account: Account,
  factory: Address,
  mintables: readonly Mintable[],
  commitments?: Commitments,
): Promise<Address[]> {
  const queue = await Queue.of(side, account, 'tokens', commitments)
  for (const { remote, name, symbol, decimals } of mintables) {
    const args = [remote, name, symbol, decimals] as const
    queue.call(
      factory,
      encodeFunctionData({ abi: ABI, functionName: 'createOptimismMintableERC20WithDecimals', args }),
    )
  }
  const receipts = await queue.done()
  // OptimismMintableERC20Created(localToken indexed, remoteToken indexed, deployer)
  const event = keccak256(stringToHex('OptimismMintableERC20Created(address,address,address)'))
  return mintables.map(({ symbol }, place) => {
    const made = receipts[place]?.logs.find(({ topics: [topic] }) => topic === event)?.topics[1]
    if (made === undefined) throw new CloisterError('deploy-failed', `The factory made no form of ${symbol}.`)
    return getAddress(`0x${made.slice(26)}`)
  })
}
