import type { Address } from 'viem'
import { firstBlock, withCode, X402_CODE } from '../genesis.ts'
import { opStackCode, type Predeployed } from './code.ts'

/** Chain id of the layer 1 of development networks. */
export const LAYER1_CHAIN_ID = 900
/** Where Multicall3 is on nearly every chain. */
export const MULTICALL3 = '0xcA11bde05977b3631167028862bE2a173976CA11'

/** Where contracts are on every OP Stack layer 2 (specs/protocol/predeploys.md). */
export const PREDEPLOYS = {
  L2CrossDomainMessenger: '0x4200000000000000000000000000000000000007',
  GasPriceOracle: '0x420000000000000000000000000000000000000F',
  L2StandardBridge: '0x4200000000000000000000000000000000000010',
  OptimismMintableERC20Factory: '0x4200000000000000000000000000000000000012',
  L1Block: '0x4200000000000000000000000000000000000015',
  L2ToL1MessagePasser: '0x4200000000000000000000000000000000000016',
} as const satisfies Record<Predeployed, Address>

/** GasPriceOracle's storage once Ecotone and Fjord have come: two flags. Nobody sets prices of layer 1. */
const AT_FJORD = { 0: '0x0101' } as const
/** Wei of the account that deploys on layer 1: enough to back what layer 2 begins with. */
const DEPLOYER_BALANCE = 1_000_000n * 10n ** 18n

/** The first block of a layer 1, for `anvil --init`: with Multicall3, and a rich account to deploy from. */
export function layer1Genesis(time: number, deployer: Address): string {
  return firstBlock(LAYER1_CHAIN_ID, time, {
    [deployer]: { balance: DEPLOYER_BALANCE },
    ...withCode({ [MULTICALL3]: opStackCode().multicall3 }),
  })
}

/**
 * The first block of a layer 2, for `anvil --init`: with the OP Stack's contracts, without proxies before
 * them, and what every development network has. Those that know their counterparts on layer 1 are told by
 * `initializeLayer2`.
 */
export function layer2Genesis(chainId: number, time: number): string {
  const { predeployed, multicall3 } = opStackCode()
  const names = Object.keys(PREDEPLOYS) as Predeployed[]
  const code = Object.fromEntries(names.map((name) => [PREDEPLOYS[name], predeployed[name]]))
  return firstBlock(chainId, time, {
    ...withCode({ ...X402_CODE, ...code, [MULTICALL3]: multicall3 }),
    [PREDEPLOYS.GasPriceOracle]: { code: predeployed.GasPriceOracle, storage: AT_FJORD },
  })
}
