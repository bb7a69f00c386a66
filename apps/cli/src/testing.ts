import type { Cloister } from '@cloister/sdk'
import type { Address } from 'viem'
import { vi } from 'vitest'

export const ACCOUNT: Address = '0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65'
export const PROVIDER: Address = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
export const WORKER: Address = '0x90F79bf6EB2c4f870365E785982E1f101E93b906'
export const USDC: Address = '0x5FbDB2315678afecb367f032d93F642f64180aa3'
export const CLOI_TOKEN: Address = '0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512'
export const LEASE = `0x${'7f3a'.padEnd(64, '0')}` as const

const TOKENS = [
  { symbol: 'CLOI', decimals: 18, address: CLOI_TOKEN },
  { symbol: 'USDC', decimals: 6, address: USDC },
]

/** What a command connects to, as far as one test needs it: a made-up network with `parts` of a Cloister. */
export function fakeCloister(parts: { index?: object; chain?: object; wallet?: undefined } = {}): Cloister {
  const network = { name: 'fake', development: true, tokens: TOKENS, contracts: {} }
  const wallet = { account: { address: ACCOUNT }, network }
  // The rest is not asked for; where it is, the test fails there.
  return { network, wallet, ...parts } as unknown as Cloister
}

export interface Printed {
  /** What programs read. */
  out: string
  /** What people read beside it. */
  err: string
}

/** Runs a command to its end and gives what it printed. Throws what it throws. */
export async function printed(run: () => unknown): Promise<Printed> {
  const texts: Printed = { out: '', err: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      texts[name === 'stdout' ? 'out' : 'err'] += String(text)
      return true
    }),
  )
  try {
    await run()
    return texts
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}
