import {
  concat,
  encodeAbiParameters,
  encodeFunctionData,
  encodePacked,
  getCreate2Address,
  type Hex,
  keccak256,
  zeroAddress,
} from 'viem'
import { SAFE_L2_ABI, SAFE_PROXY_BYTECODE, SAFE_PROXY_FACTORY_ABI } from './generated/safe.ts'
import { contract, type Fact, factsOf, type PlannedSafe, type Value } from './plan.ts'
import { artifactOf, type Deployment, resolve } from './resolve.ts'

/** What a plan needs for its Safe. */
export const SAFE_PARTS = [
  { name: 'safeSingleton', contract: 'SafeL2', args: [] },
  { name: 'safeFactory', contract: 'SafeProxyFactory', args: [] },
  { name: 'safeModules', contract: 'SafeModules', args: [] },
] as const

/** Ends each of a Safe's lists. Safe 1.5.0, contracts/base/ModuleManager.sol. */
const SENTINEL = '0x0000000000000000000000000000000000000001'
/**
 * Storage slots of a Safe in which other contracts stand that could do something: keccak256 of these names.
 * Safe 1.5.0, contracts/base/{GuardManager,ModuleManager,FallbackManager}.sol.
 */
const SLOTS = [
  'guard_manager.guard.address',
  'module_manager.module_guard.address',
  'fallback_manager.handler.address',
]
const NOTHING: Hex = `0x${'00'.repeat(32)}`

/** What a Safe answers that has this owner, these modules, and nothing else that could act for it. */
export function factsOfSafe({ owner, modules }: PlannedSafe): Fact[] {
  return [
    ...factsOf('safe', { getOwners: [owner], getThreshold: 1n, VERSION: '1.5.0', nonce: 0n }),
    // The module that was enabled last is the first.
    {
      of: 'safe',
      view: 'getModulesPaginated',
      args: [SENTINEL, BigInt(modules.length + 1)],
      is: [[...modules].reverse(), SENTINEL],
    },
    ...SLOTS.map((slot) => ({
      of: 'safe',
      view: 'getStorageAt',
      args: [BigInt(keccak256(new TextEncoder().encode(slot))), 1n],
      is: NOTHING,
    })),
  ]
}

/** The transaction's data that creates the plan's Safe, and where that will be. */
export function creationOfSafe(deployment: Deployment, { owner, modules }: PlannedSafe) {
  const at = (value: Value) => resolve(deployment, value) as Hex
  const { abi } = artifactOf(deployment, 'safeModules')
  const enabling = encodeFunctionData({ abi, functionName: 'enable', args: [modules.map(at)] })
  const initializer = encodeFunctionData({
    abi: SAFE_L2_ABI,
    functionName: 'setup',
    args: [[at(owner)], 1n, at(contract('safeModules')), enabling, zeroAddress, zeroAddress, 0n, zeroAddress],
  })
  const singleton = at(contract('safeSingleton'))
  const factory = at(contract('safeFactory'))
  return {
    address: getCreate2Address({
      from: factory,
      salt: keccak256(encodePacked(['bytes32', 'uint256'], [keccak256(initializer), 0n])),
      bytecode: concat([SAFE_PROXY_BYTECODE, encodeAbiParameters([{ type: 'address' }], [singleton])]),
    }),
    to: factory,
    data: encodeFunctionData({
      abi: SAFE_PROXY_FACTORY_ABI,
      functionName: 'createProxyWithNonce',
      args: [singleton, initializer, 0n],
    }),
  }
}
