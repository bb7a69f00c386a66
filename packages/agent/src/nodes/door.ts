import { createServer, type TLSSocket } from 'node:tls'
import { messageOf } from '@cloister/core'
import { type NodeEngine, serveCall } from '@cloister/executors'
import { type AddressLimitSettings, AddressLimits, MuxConnection, serve } from '@cloister/transport'
import type { ServerIdentity } from '../api/tls.ts'
import type { Log } from '../log.ts'
import { NODE_PROTOCOL, PATIENCE_MS, type Peer, peerKeyHash } from './peer.ts'

const IDLE_MS = 3_600_000
const PING_MS = 4_000
const HANDSHAKE_MS = 10_000
/** Connections, known or not: there is one manager, and strangers must not take its place. */
const LIMITS: AddressLimitSettings = {
  requestsPerSecond: 1,
  burst: 30,
  connectionsPerAddress: 8,
  connections: 1_024,
}
/** How often the manager's coverage is looked at while it is connected. */
const LOOK_MS = 5_000
/** Strangers that come within so long of each other cost one question to the chain. */
const SHARED_MS = 1_000

/** What a node's door is made of. */
export interface NodeDoorParts {
  listen: { host: string; port: number }
  identity: ServerIdentity
  engine: NodeEngine
  /** What the chain says of the manager. */
  manager(): Promise<Peer>
  log: Log
}

/** A node's open door. */
export interface NodeDoor {
  port: number
  identify(identity: ServerIdentity): void
  close(): Promise<void>
}

/**
 * Opens a node's door: its engine for the manager, who shows in the TLS handshake that it holds the key that
 * it attested, and for nobody else. Throws `port-taken`.
 */
export async function openNodeDoor(parts: NodeDoorParts): Promise<NodeDoor> {
  const { listen, identity, engine, manager, log } = parts
  const options = { ...identity, minVersion: 'TLSv1.3' as const }
  const limits = new AddressLimits(LIMITS)
  const ask = shared(manager)
  const server = createServer({
    ...options,
    ALPNProtocols: [NODE_PROTOCOL],
    handshakeTimeout: HANDSHAKE_MS,
    requestCert: true,
    // Whoever signed its certificate proves nothing here; the attested key does.
    rejectUnauthorized: false,
  })
  server.on(
    'connection',
    (socket) => limits.admit(socket) && limits.take(socket.remoteAddress) > 0 && socket.destroy(),
  )
  server.on('tlsClientError', (_, socket) => socket.destroy())
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => socket.destroy())
    const refuse = async (): Promise<string | undefined> => {
      const { tlsKeyHash, refusal } = await ask()
      return (
        refusal ?? (peerKeyHash(socket) === tlsKeyHash ? undefined : 'its TLS key is not the attested one')
      )
    }
    const admit = async () => {
      const why =
        socket.alpnProtocol === NODE_PROTOCOL ? await refuse() : `it does not speak ${NODE_PROTOCOL}`
      if (why !== undefined) {
        log('warn', 'somebody was not let in as the manager', { from: socket.remoteAddress, why })
        return void socket.destroy()
      }
      const accept = (stream: Parameters<typeof serveCall>[1]) => void serveCall(engine, stream)
      const mux = new MuxConnection(socket, { idleMs: IDLE_MS, pingMs: PING_MS, accept })
      let heardAt = performance.now()
      const look = async () => {
        try {
          const later = await refuse()
          heardAt = performance.now()
          if (later !== undefined) mux.close(new Error(later))
        } catch (error) {
          log('warn', 'the chain does not say whether the manager is covered', { error: messageOf(error) })
        }
      }
      const looking = setInterval(() => {
        void look()
        if (performance.now() - heardAt >= PATIENCE_MS)
          mux.close(new Error('the chain does not say whether the manager is covered'))
      }, LOOK_MS)
      socket.once('close', () => clearInterval(looking))
      log('info', 'the manager is connected')
    }
    admit().catch((error) => {
      log('warn', 'the manager could not be let in', { error: messageOf(error) })
      socket.destroy()
    })
  })
  const served = await serve(
    'The node',
    server,
    listen,
    'Another program has the port; change `listen.port` in the configuration.',
  )
  return {
    port: served.port,
    identify: (renewed) => server.setSecureContext({ ...renewed, minVersion: 'TLSv1.3' }),
    close: served.close,
  }
}

/** Asks once for all who ask within a moment. */
function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let last: { at: number; answer: Promise<T> } | undefined
  return () => {
    const now = performance.now()
    if (!last || now - last.at >= SHARED_MS) last = { at: now, answer: ask() }
    return last.answer
  }
}
