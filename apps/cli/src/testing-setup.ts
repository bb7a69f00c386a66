import { afterEach, vi } from 'vitest'

// Whatever a command reaches outside of itself can be made up in a test, and is itself where it isn't. Test
// files share a process and the modules that are loaded in it, so that all of them see the same of these.
vi.mock('./ask.ts', { spy: true })
vi.mock('./context.ts', { spy: true })
vi.mock('./commands/stake/positions.ts', { spy: true })
vi.mock('@cloister/agent', { spy: true })
vi.mock('@cloister/chain', { spy: true })
vi.mock('@cloister/chain/node', { spy: true })
vi.mock('@cloister/development/faucet', { spy: true })
vi.mock('@cloister/operations/stop', { spy: true })
vi.mock('@cloister/packed', { spy: true })
vi.mock('@cloister/sdk', { spy: true })
vi.mock('@cloister/sdk/node', { spy: true })

afterEach(() => {
  vi.resetAllMocks()
  vi.restoreAllMocks()
})
