// The door of an endpoint as it runs in a container. It needs its options at /etc/cloister/endpoint.json (see
// `inferenceManifest`, which puts them there), a volume at /data and the agent's socket, and serves HTTP on
// port 8080. Nothing is configured by variables: all that it is, its manifest says.
import { readFileSync } from 'node:fs'
import { connectChain, hasX402 } from '@cloister/chain'
import { messageOf } from '@cloister/core'
import { giveBackAfterStart } from '@cloister/packed'
import { AgentSocket } from '@cloister/workload'
import { DATA_PATH, DOOR_PORT, engineUrlOf, OPTIONS_PATH } from '../manifest.ts'
import { readEndpointOptions } from '../protocol/options.ts'
import { runDoor } from './run-door.ts'

const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`)
const options = readEndpointOptions(readFileSync(OPTIONS_PATH, 'utf8'))
const agent = new AgentSocket()
const self = await agent.self()
const chain = connectChain(self.network, agent.transport())
const door = await runDoor({
  options,
  engineUrl: engineUrlOf(options),
  self,
  agent,
  chain,
  // Whether it has may be known later; then the next start takes them.
  takesX402: await hasX402(chain).catch(() => false),
  folder: DATA_PATH,
  at: { port: DOOR_PORT },
  log,
})
giveBackAfterStart()
log(`lease ${self.lease.slice(0, 10)}… on worker ${self.worker} serves ${options.model}`)
process.once('SIGTERM', () => {
  door
    .close()
    .catch((error) => log(messageOf(error)))
    // Connections to the agent that nobody uses any more would keep the process for a while.
    .finally(() => process.exit(0))
})
