// What tests of an endpoint begin with: a door before a fake engine, with a fake agent.
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import type { EndpointOptions } from '../protocol/options.ts'
import { type DoorOptions, type RunningDoor, runDoor } from '../server/run-door.ts'
import { FakeAgent } from './fake-agent.ts'
import { type FakeEngine, type FakeEngineOptions, startFakeEngine } from './fake-engine.ts'

export { FakeAgent } from './fake-agent.ts'
export { type FakeEngine, startFakeEngine } from './fake-engine.ts'

const digest = (digit: string) => `sha256:${digit.repeat(64)}`

/** Options of an endpoint for tests, with all kinds of requests. */
export function testOptions(changes: Partial<EndpointOptions> = {}): EndpointOptions {
  return {
    version: 1,
    door: digest('1'),
    engine: { url: 'http://127.0.0.1:1' },
    model: 'tiny',
    weights: { digest: digest('3') },
    contextLength: 512,
    concurrency: 4,
    endpoints: ['chat', 'completions', 'embeddings', 'responses', 'messages'],
    ...changes,
  }
}

/** A door that serves, and what is behind it. */
export interface TestDoor {
  door: RunningDoor
  engine: FakeEngine
  agent: FakeAgent
  url: string
  /** Lines that it wrote for people. */
  lines: string[]
  close(): Promise<void>
}

/** Starts a door on a free port of loopback, all in memory unless `folder` is given. */
export async function startTestDoor({
  options = testOptions(),
  engine: engineOptions = {},
  agent = fakeAgent(),
  ...more
}: {
  options?: EndpointOptions
  engine?: FakeEngineOptions
  agent?: FakeAgent
} & Partial<
  Pick<DoorOptions, 'folder' | 'limits' | 'chain' | 'rhythm' | 'takesX402'>
> = {}): Promise<TestDoor> {
  const engine = await startFakeEngine(engineOptions)
  const lines: string[] = []
  const door = await runDoor({
    options,
    engineUrl: engine.url,
    self: agent.self,
    agent,
    folder: undefined,
    at: { host: '127.0.0.1', port: 0 },
    log: (line) => lines.push(line),
    ...more,
  })
  return {
    door,
    engine,
    agent,
    url: `http://127.0.0.1:${door.port}`,
    lines,
    async close() {
      await door.close()
      await engine.close()
    },
  }
}

/** An agent on a chain that there isn't. */
export function fakeAgent(more?: ConstructorParameters<typeof FakeAgent>[1]): FakeAgent {
  const workers = privateKeyToAccount(generatePrivateKey()).address
  const network = { chainId: 31_337, contracts: { workers } } as ConstructorParameters<typeof FakeAgent>[0]
  return new FakeAgent(network, more)
}
