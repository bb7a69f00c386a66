import { concatHex, type Hex, keccak256, zeroHash } from 'viem'
import { getBlock, getProof } from 'viem/actions'
import type { Side } from './clients.ts'
import { PREDEPLOYS } from './genesis.ts'

/** What a layer 2 says of its state after a block. */
export interface Output {
  root: Hex
  blockNumber: bigint
  /** Of the block, Unix seconds. */
  time: bigint
}

/**
 * The output of a layer 2 after a block, version 0: keccak256 of version, state root, storage root of the
 * message passer, and block hash (specs/protocol/proposals.md, "L2 Output Commitment Construction").
 */
export async function outputAt(layer2: Side, number?: bigint): Promise<Output> {
  const block = await getBlock(layer2, number === undefined ? {} : { blockNumber: number })
  const { storageHash } = await getProof(layer2, {
    address: PREDEPLOYS.L2ToL1MessagePasser,
    storageKeys: [],
    blockNumber: block.number,
  })
  return {
    root: keccak256(concatHex([zeroHash, block.stateRoot, storageHash, block.hash])),
    blockNumber: block.number,
    time: block.timestamp,
  }
}
