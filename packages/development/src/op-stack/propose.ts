import { CloisterError } from '@cloister/core'
import {
  type Account,
  type Address,
  encodeAbiParameters,
  type Hex,
  keccak256,
  parseAbiParameters,
} from 'viem'
import { getBlock, readContract, waitForTransactionReceipt, writeContract } from 'viem/actions'
import { SIMULATED_VERIFIER_ABI, VALIDITY_ORACLE_ABI } from '../generated/test-contracts.ts'
import type { Side } from './clients.ts'
import { CONFIG, CONFIG_NAME } from './deploy.ts'
import { type Output, outputAt } from './output.ts'

/** With what the verifier refuses by. */
const ABI = [...VALIDITY_ORACLE_ABI, ...SIMULATED_VERIFIER_ABI] as const
const WAIT_MS = 60_000
const DIGEST = parseAbiParameters('string, bytes32, bytes32')
const PUBLIC_VALUES = parseAbiParameters('bytes32, bytes32, bytes32, uint256, bytes32, bytes32, address')

/** What is said to have been proved, beside what the oracle knows. */
export interface Claimed {
  l1Head: Hex
  before: Hex
  output: Output
  prover: Address
}

/** A simulated proof: `prover`'s signature of the public values, as `SimulatedVerifier` takes it. */
export async function simulateProof(key: Account, { l1Head, before, output, prover }: Claimed): Promise<Hex> {
  if (!key.signMessage) throw new CloisterError('bad-key', 'The prover has no key here.')
  const publicValues = encodeAbiParameters(PUBLIC_VALUES, [
    l1Head,
    before,
    output.root,
    output.blockNumber,
    CONFIG.rollupConfigHash,
    CONFIG.rangeVkeyCommitment,
    prover,
  ])
  const args = ['simulated proof', CONFIG.aggregationVkey, keccak256(publicValues)] as const
  return key.signMessage({ message: { raw: keccak256(encodeAbiParameters(DIGEST, args)) } })
}

/** A layer 1 with its oracle, and who proposes there. */
export interface Proposing {
  layer1: Side
  layer2: Side
  oracle: Address
  prover: Account
}

/** Proposes layer 2's latest output with a simulated proof, where the oracle takes one. Returns its block. */
export async function proposeOutput(proposing: Proposing): Promise<bigint | undefined> {
  const { layer1, layer2, oracle } = proposing
  const next = await readContract(layer1, { address: oracle, abi: ABI, functionName: 'nextBlockNumber' })
  const output = await outputAt(layer2)
  if (output.blockNumber < next) return undefined
  const { number, hash } = await checkpoint(proposing)
  const before = await latestRoot(proposing)
  const prover = proposing.prover.address
  const proof = await simulateProof(proposing.prover, { l1Head: hash, before, output, prover })
  await propose(proposing, output, number, proof)
  return output.blockNumber
}

/** The output root that the next proof has to go on from. */
export async function latestRoot({ layer1, oracle }: Proposing): Promise<Hex> {
  const of = { address: oracle, abi: ABI } as const
  const index = await readContract(layer1, { ...of, functionName: 'latestOutputIndex' })
  const output = await readContract(layer1, { ...of, functionName: 'getL2Output', args: [index] })
  return output.outputRoot
}

/**
 * Has the oracle remember the block before layer 1's latest, which proofs then refer to. The latest one's
 * hash is known to contracts only in blocks after it, and not where a node reckons what a call costs.
 */
export async function checkpoint({
  layer1,
  oracle,
  prover,
}: Proposing): Promise<{ number: bigint; hash: Hex }> {
  const latest = await getBlock(layer1)
  const [number, hash] = [latest.number - 1n, latest.parentHash]
  const sent = await writeContract(layer1, {
    address: oracle,
    abi: ABI,
    functionName: 'checkpointBlockHash',
    args: [number],
    account: prover,
  } as never)
  await mined(layer1, sent)
  return { number, hash }
}

/** Proposes an output with a proof. Throws what viem makes of a refusal. */
export async function propose(
  { layer1, oracle, prover }: Proposing,
  { root, blockNumber }: Pick<Output, 'root' | 'blockNumber'>,
  l1Block: bigint,
  proof: Hex,
): Promise<void> {
  const sent = await writeContract(layer1, {
    address: oracle,
    abi: ABI,
    functionName: 'dgfProposeL2Output',
    args: [CONFIG_NAME, root, blockNumber, l1Block, proof, prover.address],
    account: prover,
  } as never)
  await mined(layer1, sent)
}

async function mined(side: Side, hash: Hex): Promise<void> {
  const { status } = await waitForTransactionReceipt(side, { hash, timeout: WAIT_MS })
  if (status !== 'success') throw new CloisterError('reverted', `${hash} was reverted.`)
}
