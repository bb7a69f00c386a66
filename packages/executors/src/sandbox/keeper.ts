#!/usr/bin/env node
import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
// The keeper of one sandboxed lease: a process of its own that holds the lease's network namespace, runs its containers and
// outlives the agent. It is reached through a socket in the file system and never listens on the network. If it dies, so
// do its containers; the agent then starts a new one.
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { KeptContainer } from './kept-container.ts'
import type { KeeperExec, KeeperStart } from './protocol.ts'

const [folder = '', socketPath = ''] = process.argv.slice(2)
const LOOK_MS = 1_000
const containers = new Map<string, KeptContainer>()

const server = createServer((request, response) => {
  answer(request).then(
    (body) => response.end(JSON.stringify(body ?? null)),
    (error) => {
      response.statusCode = 500
      response.end(JSON.stringify({ message: error instanceof Error ? error.message : String(error) }))
    },
  )
})

async function answer(request: IncomingMessage): Promise<unknown> {
  const [, verb = '', name = ''] = (request.url ?? '').split('/')
  const container = containers.get(name)
  switch (verb) {
    case 'ping':
      return { pid: process.pid }
    case 'start': {
      const start = (await readJson(request)) as KeeperStart
      await container?.remove()
      const fresh = new KeptContainer(folder, name)
      containers.set(name, fresh)
      return fresh.start(start)
    }
    case 'restart':
      return container?.restart()
    case 'stop':
      return container?.stop(Number(((await readJson(request)) as { graceMs: number }).graceMs))
    case 'remove':
      await container?.remove()
      containers.delete(name)
      return null
    case 'wait':
      return container?.exited
    case 'usage':
      return container?.usage()
    case 'states':
      return Object.fromEntries([...containers].map(([key, kept]) => [key, kept.state]))
    case 'quit':
      await Promise.all([...containers.values()].map((kept) => kept.remove()))
      setImmediate(() => process.exit(0))
      return null
    default:
      throw new Error(`unknown request ${verb}`)
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}

server.on('upgrade', (request: IncomingMessage, stream: Socket, head: Buffer) => {
  const [, verb = '', subject = '', argument = ''] = (request.url ?? '').split('/')
  stream.on('error', () => stream.destroy())
  if (verb === 'connect') {
    const upstream = connect({ host: '127.0.0.1', port: Number(subject), noDelay: true })
    upstream.once('connect', () => {
      stream.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
      if (head.length > 0) upstream.write(head)
      stream.pipe(upstream).pipe(stream)
    })
    upstream.on('error', () => stream.destroy())
    stream.on('close', () => upstream.destroy())
    upstream.on('close', () => stream.destroy())
    return
  }
  const container = containers.get(subject)
  if (verb !== 'exec' || !container?.isRunning) return void stream.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
  stream.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: exec\r\n\r\n')
  container.exec(JSON.parse(Buffer.from(argument, 'base64url').toString('utf8')) as KeeperExec, stream).catch(() => stream.destroy())
})

try {
  // As under Docker: whoever a service runs as, it may listen on port 80 of its own network.
  writeFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', '0')
} catch {
  // Not ours to set here; a service that isn't root keeps to ports from 1024 on.
}

// An idle wait may last for months.
server.requestTimeout = 0
server.headersTimeout = 0
server.keepAliveTimeout = 60_000
await rm(socketPath, { force: true })
server.listen(socketPath, () => {
  chmodSync(socketPath, 0o600)
  const own = statSync(socketPath).ino
  setInterval(() => {
    const found = statSync(socketPath, { throwIfNoEntry: false })?.ino
    // An agent that was killed while it started us may have been followed by one that started another: that one is the
    // lease's keeper then. Without a socket nobody reaches us; what runs goes on, but idly we are of no use.
    if (found === own || (found === undefined && containers.size > 0)) return
    // Our containers die with us; what lies on disk belongs to the other keeper now.
    process.exit(0)
  }, LOOK_MS)
})
process.on('SIGINT', () => {})
process.on('SIGHUP', () => {})
