// An endpoint's door in front of an engine, with an agent that is a fake: node door.ts PORT ENGINE_URL. Its
// receipts are signed in this process, where a lease's are in its worker's.

import { fakeAgent, testOptions } from '@cloister/inference/testing'
import { runDoor } from '../../services/inference/src/server/run-door.ts'

const [port, engineUrl = ''] = process.argv.slice(2)
const agent = fakeAgent()
await runDoor({
  options: testOptions({ engine: { url: engineUrl }, concurrency: 10_000 }),
  engineUrl,
  self: agent.self,
  agent,
  folder: undefined,
  at: { host: '127.0.0.1', port: Number(port) },
  log: (line) => process.stderr.write(`${line}\n`),
})
