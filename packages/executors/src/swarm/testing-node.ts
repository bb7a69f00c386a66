// A node's engine behind a plain port, in another machine's network: who may call it is the agent's to find
// out. Arguments: socket, scope, folder, address.
import { createServer } from 'node:net'
import { MuxConnection } from '@cloister/transport'
import { DockerExecutor } from '../docker/docker.ts'
import { serveCall } from './serve-node.ts'

const [socketPath = '', scope = '', folder = '', address = ''] = process.argv.slice(2)
const images = { layouts: [], trustedRegistries: [] }
const engine = await DockerExecutor.connect({ socketPath, scope, folder, images })
const server = createServer((socket) => {
  const accept = (stream: Parameters<typeof serveCall>[1]) => void serveCall(engine, stream)
  new MuxConnection(socket, { idleMs: 60_000, accept })
})
server.listen(7090, address, () => console.log('up'))
// It ends with whoever started it.
process.stdin.on('end', () => process.exit()).resume()
