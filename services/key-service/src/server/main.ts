// The key service as it runs in a container. It needs a volume at /data and the agent's socket, and serves
// HTTP on port 8080.
import { connectChain } from '@cloister/chain'
import { giveBackAfterStart } from '@cloister/packed'
import { AgentSocket } from '@cloister/workload'
import { Instance } from './instance.ts'
import { serveInstance } from './serve.ts'
import { Vault } from './vault.ts'

const PORT = 8080

const agent = new AgentSocket()
const self = await agent.self()
const chain = connectChain(self.network, agent.transport())
const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`)
const instance = new Instance({
  chain,
  agent,
  self,
  vault: new Vault('/data', await agent.sealingKey()),
  log,
})
const aborter = new AbortController()
const server = await serveInstance(instance, PORT)
giveBackAfterStart()
log(`lease ${self.lease.slice(0, 10)}… on worker ${self.worker}`)
process.once('SIGTERM', () => aborter.abort())
await instance.keep(aborter.signal)
await server.close()
// Connections to the agent that nobody uses any more would keep the process for a while.
process.exit(0)
