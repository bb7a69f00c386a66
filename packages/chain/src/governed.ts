import type { GovernedContract } from '@cloister/core'
import { type Abi, type Address, decodeFunctionData, type Hex } from 'viem'
import type { Chain } from './client.ts'
import {
  ADMISSION_ABI,
  EMISSION_ABI,
  KEY_SERVICE_ABI,
  MARKET_ABI,
  SLASHING_ABI,
  SPLITTER_ABI,
  STAKE_ABI,
  TOKEN_ABI,
  VOUCHERS_ABI,
  WORKERS_ABI,
} from './generated/abis.ts'
import type { Network } from './network.ts'

/** A contract whose owner announces what it changes (`Governed.sol`). */
export interface Governed {
  name: GovernedContract
  address: Address
  abi: Abi
}

/** The contracts of a network whose owner announces what it changes. */
export function governedContracts({ contracts, tokens }: Pick<Network, 'contracts' | 'tokens'>): Governed[] {
  const { stake, slashing, emission, market, workers, admission, keyService, splitter, vouchers } = contracts
  const token = tokens.find(({ symbol }) => symbol === 'CLOI')
  return [
    ...(token ? [{ name: 'token', address: token.address, abi: TOKEN_ABI } as const] : []),
    { name: 'stake', address: stake, abi: STAKE_ABI },
    { name: 'slashing', address: slashing, abi: SLASHING_ABI },
    { name: 'emission', address: emission, abi: EMISSION_ABI },
    { name: 'market', address: market, abi: MARKET_ABI },
    { name: 'workers', address: workers, abi: WORKERS_ABI },
    { name: 'admission', address: admission, abi: ADMISSION_ABI },
    { name: 'keyService', address: keyService, abi: KEY_SERVICE_ABI },
    ...(splitter ? [{ name: 'splitter', address: splitter, abi: SPLITTER_ABI } as const] : []),
    ...(vouchers ? [{ name: 'vouchers', address: vouchers, abi: VOUCHERS_ABI } as const] : []),
  ]
}

/** What an announced call does. */
export interface Change {
  function: string
  /** By name, as viem decodes them. */
  args: Record<string, unknown>
}

/** Reads an announced call by a contract's functions; undefined where it is none of theirs. */
export function decodeChange(abi: Abi, call: Hex): Change | undefined {
  try {
    const { functionName, args = [] } = decodeFunctionData({ abi, data: call })
    const item = abi.find((candidate) => candidate.type === 'function' && candidate.name === functionName)
    const inputs = item?.type === 'function' ? item.inputs : []
    return {
      function: functionName,
      args: Object.fromEntries(
        inputs.map(({ name = '' }, position) => [name.replace(/_$/, ''), args[position]]),
      ),
    }
  } catch {
    return undefined
  }
}

/** When a contract lets its owner make a change, Unix seconds; 0 where none such is announced (any more). */
export async function getReadyAt({ client }: Chain, contract: Address, change: Hex): Promise<number> {
  const call = { address: contract, abi: MARKET_ABI, functionName: 'readyAt', args: [change] } as const
  return Number(await client.readContract(call))
}
