import { encodeFunctionData, type Hex, parseEventLogs } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { RECEIPTS_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'
import { read, receiptsContract } from './contracts.ts'

/** A batch of a lease's receipts: `root` is of the Merkle tree over their digests (see IReceipts.sol). */
export interface ReceiptBatch {
  lease: Hex
  /** The life of the worker's store that the receipts are of. */
  era: bigint
  count: bigint
  root: Hex
}

/** The call that anchors a batch, as bytes for the lease's worker to send to Receipts. */
export function encodeAnchor({ lease, era, count, root }: ReceiptBatch): Hex {
  const args = [lease, era, count, root] as const
  return encodeFunctionData({ abi: RECEIPTS_ABI, functionName: 'anchor', args })
}

/** Anchors a batch as the lease's worker. Returns its number. Throws `not-found`, `reverted`. */
export async function anchorReceipts(
  wallet: Wallet,
  { lease, era, count, root }: ReceiptBatch,
): Promise<number> {
  const args = [lease, era, count, root] as const
  const { logs } = await send(wallet, { ...receiptsContract(wallet), functionName: 'anchor', args })
  const [anchored] = parseEventLogs({ abi: RECEIPTS_ABI, eventName: 'Anchored', logs, args: { lease } })
  return Number(anchored?.args.index ?? 0n)
}

/** The root of a batch. Throws `reverted` where there is none, `not-found`. */
export function getReceiptsRoot(chain: Chain, lease: Hex, era: bigint, index: number): Promise<Hex> {
  return read(chain, receiptsContract(chain), 'rootOf', [lease, era, BigInt(index)])
}

/**
 * Whether a batch has a receipt. `digest` is what its worker signed, the EIP-712 digest of the receipt; the
 * proof is the leaf's path through the tree. Throws `reverted` where there is no such batch, `not-found`.
 */
export function isAnchored(
  chain: Chain,
  { lease, era, index, digest, proof }: { lease: Hex; era: bigint; index: number; digest: Hex; proof: Hex[] },
): Promise<boolean> {
  return read(chain, receiptsContract(chain), 'includes', [lease, era, BigInt(index), digest, proof])
}
