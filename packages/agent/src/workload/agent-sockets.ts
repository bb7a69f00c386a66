import { createHmac } from 'node:crypto'
import { chmod, lstat, mkdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { AGENT_SOCKET, CloisterError } from '@cloister/core'
import { type Served, serve } from '@cloister/transport'
import { getRequestListener } from '@hono/node-server'
import type { Hex } from 'viem'

/**
 * Connections to one socket: each takes a file descriptor and memory of the worker's, and any process of a
 * container opens them.
 */
const MAX_CONNECTIONS = 64

/** Answers for one manifest of one lease. */
export type AgentHandler = (
  lease: Hex,
  manifestHash: Hex,
) => (request: Request) => Response | Promise<Response>

/**
 * The agent's sockets in containers: one for each manifest of a lease that asks for it, so that what a
 * manifest is told, such as its sealing key, no other manifest of the same lease gets to hear.
 */
export class AgentSockets {
  private readonly secret: Uint8Array
  private readonly handler: AgentHandler
  private readonly served = new Map<string, { lease: Hex; folder: string; close: Served['close'] }>()

  /**
   * Where a socket lies follows from `secret`, the worker's own: any user of a container may use it, so no
   * other user of this machine may reach it: the folder above is our own alone, whose name the kernel tells
   * everybody (/proc/net/unix).
   */
  constructor(secret: Uint8Array, handler: AgentHandler) {
    this.secret = secret
    this.handler = handler
  }

  /**
   * The folder that holds the socket; the same after a restart, so that containers which ran on find it
   * again.
   */
  async open(lease: Hex, manifestHash: Hex): Promise<string> {
    const key = createHmac('sha256', this.secret)
      .update(`socket ${lease} ${manifestHash}`)
      .digest('hex')
      .slice(0, 32)
    const known = this.served.get(key)
    if (known) return known.folder
    const parent = join(tmpdir(), `cloister-agent-${process.getuid?.() ?? 0}`)
    const folder = join(parent, key)
    await mkdir(folder, { recursive: true, mode: 0o711 })
    // The name can be guessed, so it has to be ours.
    for (const path of [parent, folder]) {
      const stat = await lstat(path)
      if (!stat.isDirectory() || (process.getuid && stat.uid !== process.getuid()))
        throw new CloisterError(
          'start-failed',
          `${path}, where the agent's sockets go, belongs to somebody else.`,
        )
      // Users of containers see the inner one alone.
      await chmod(path, path === parent ? 0o700 : 0o711)
    }
    const path = join(folder, basename(AGENT_SOCKET))
    await rm(path, { force: true })
    const server = createServer(getRequestListener(this.handler(lease, manifestHash)))
    server.requestTimeout = 60_000
    server.maxConnections = MAX_CONNECTIONS
    const { close } = await serve('The agent', server, { path })
    // Any user of the container may ask; nobody else sees the socket.
    await chmod(path, 0o666)
    this.served.set(key, { lease, folder, close })
    return folder
  }

  /** Closes a lease's sockets for good. */
  async close(lease: Hex): Promise<void> {
    for (const [key, socket] of this.served) {
      if (socket.lease !== lease) continue
      this.served.delete(key)
      await socket.close()
      await rm(socket.folder, { recursive: true, force: true })
    }
  }

  async closeAll(): Promise<void> {
    for (const { lease } of [...this.served.values()]) await this.close(lease)
  }
}
