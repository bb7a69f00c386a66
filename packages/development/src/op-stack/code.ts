import { brotliDecompressSync } from 'node:zlib'
import type { Hex } from 'viem'
import { OP_STACK } from '../generated/op-stack.ts'

/** Contracts of the OP Stack that are deployed on layer 1. */
export type Created =
  | 'Proxy'
  | 'SuperchainConfig'
  | 'SystemConfig'
  | 'OptimismPortal2'
  | 'DisputeGameFactory'
  | 'L1CrossDomainMessenger'
  | 'L1StandardBridge'
  | 'OptimismMintableERC20Factory'

/** Contracts that a layer 2 has from its first block on. */
export type Predeployed =
  | 'L2CrossDomainMessenger'
  | 'L2StandardBridge'
  | 'OptimismMintableERC20Factory'
  | 'L1Block'
  | 'L2ToL1MessagePasser'
  | 'GasPriceOracle'

/** Compiled contracts of the OP Stack. */
export interface OpStackCode {
  /** Creation code, without arguments. */
  created: Record<Created, Hex>
  /** Code as it lies on a chain. */
  predeployed: Record<Predeployed, Hex>
  /** Code as it lies on a chain. */
  multicall3: Hex
}

/** What `scripts/generate-op-stack.ts` took out of the OP Stack's npm package. */
export function opStackCode(): OpStackCode {
  // The script wrote it in this shape.
  return JSON.parse(brotliDecompressSync(Buffer.from(OP_STACK, 'base64')).toString()) as OpStackCode
}
