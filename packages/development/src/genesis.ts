import { type Address, type Hex, pad, toHex } from 'viem'
import { CHANNELS_CODE, COLLECTOR_CODE } from './generated/predeployed.ts'

/** Where x402's channels are on every chain that has them, and what brings signed deposits into them. */
export const X402 = {
  channels: '0x4020074e9dF2ce1deE5A9C1b5c3f541D02a10003',
  collector: '0x4020806089470a89826cB9fB1f4059150b550004',
} as const satisfies Record<string, Address>

/** What stands in for x402's contracts on development networks, by address. */
export const X402_CODE: Readonly<Record<Address, Hex>> = {
  [X402.channels]: CHANNELS_CODE,
  [X402.collector]: COLLECTOR_CODE,
}

/** An account of the first block. */
export interface FirstAccount {
  /** Wei. */
  balance?: bigint
  code?: string
  /** By slot. */
  storage?: Readonly<Record<number, Hex>>
}

/**
 * The first block of a chain in JSON, for `anvil --init`. `time`: Unix seconds. anvil's ten accounts have
 * ether whatever it says.
 */
export function firstBlock(
  chainId: number,
  time: number,
  accounts: Readonly<Record<Address, FirstAccount>>,
): string {
  return JSON.stringify({
    config: { chainId },
    timestamp: toHex(time),
    gasLimit: '0x11e1a300',
    difficulty: '0x0',
    alloc: Object.fromEntries(
      Object.entries(accounts).map(([address, { balance = 0n, code, storage = {} }]) => [
        address,
        {
          balance: toHex(balance),
          ...(code !== undefined && { code }),
          storage: Object.fromEntries(
            Object.entries(storage).map(([slot, value]) => [pad(toHex(Number(slot))), pad(value)]),
          ),
        },
      ]),
    ),
  })
}

/** Contracts at their addresses, as accounts of a first block. */
export function withCode(code: Readonly<Record<Address, string>>): Record<Address, FirstAccount> {
  return Object.fromEntries(Object.entries(code).map(([address, own]) => [address, { code: own }]))
}

/** The first block of the embedded network's chain. */
export function developmentGenesis(chainId: number, time: number): string {
  return firstBlock(chainId, time, withCode(X402_CODE))
}
