// The door of a worker, as its agent has it, in front of an engine: node worker.ts PORT KEY CERT ENGINE_PORT
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { openWorkerDoor } from '@cloister/agent'
import { zeroAddress, zeroHash } from 'viem'

const [port, key = '', cert = '', enginePort] = process.argv.slice(2)
await openWorkerDoor({
  listen: { host: '127.0.0.1', port: Number(port) },
  identity: { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') },
  ingress: {
    find: () => ({ target: 'engine', http: undefined }),
    signOfLifeMs: 1_000,
    connect: async () => connect({ host: '127.0.0.1', port: Number(enginePort), noDelay: true }),
  },
  worker: zeroAddress,
  requestKey: { report: { key: zeroHash, signature: '0x' }, privateKey: new Uint8Array(32) },
  api: (_, response) => void response.writeHead(404).end(),
  upgrade: async (_, socket) => void socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'),
  isDevelopment: true,
})
