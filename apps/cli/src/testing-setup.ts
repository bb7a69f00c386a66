import { readFeePrices } from '@cloister/chain'
import { groups } from '@cloister/sdk'
import { afterEach, beforeEach, vi } from 'vitest'

/**
 * A module whose functions are spies: themselves where a test makes nothing else of them. Test files share a
 * process and what is loaded in it, so all of them get the same spies, whichever file loads a command first.
 */
const spied = vi.hoisted(() => {
  const KEPT = Symbol.for('cloister.spied')
  const kept: Map<string, object> = Reflect.get(globalThis, KEPT) ?? new Map()
  Reflect.set(globalThis, KEPT, kept)
  return (name: string) => async (load: () => Promise<object>) => {
    const spies = kept.get(name) ?? vi.mockObject({ ...(await load()) }, { spy: true })
    kept.set(name, spies)
    return spies
  }
})

// What commands reach outside of themselves through.
vi.mock('./ask.ts', spied('ask'))
vi.mock('./context.ts', spied('context'))
vi.mock('./commands/stake/positions.ts', spied('positions'))
vi.mock('@cloister/agent', spied('agent'))
vi.mock('@cloister/chain', spied('chain'))
vi.mock('@cloister/chain/node', spied('chain/node'))
vi.mock('@cloister/development/faucet', spied('faucet'))
vi.mock('@cloister/operations/stop', spied('stop'))
vi.mock('@cloister/packed', spied('packed'))
vi.mock('@cloister/sdk', spied('sdk'))
vi.mock('@cloister/sdk/node', spied('sdk/node'))

// A name is that of one lease, and the chain no layer 2, where a test says nothing else.
beforeEach(() => {
  vi.mocked(groups.find).mockResolvedValue(undefined)
  vi.mocked(readFeePrices).mockResolvedValue({ gasPrice: 10n ** 9n })
})

afterEach(() => {
  vi.resetAllMocks()
  vi.restoreAllMocks()
})
