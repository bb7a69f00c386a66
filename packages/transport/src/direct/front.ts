import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { KeptConnections } from './kept.ts'
import { type DirectParts, DirectRelay } from './relay.ts'

/** What the direct way of a server needs; `begun` where somebody counts requests. */
export type DirectFrontParts = Omit<DirectParts, 'kept' | 'ended' | 'begun'> &
  Partial<Pick<DirectParts, 'begun'>>

/**
 * What reads a server's connections by hand, as far as their requests are of the common shape; `careful`
 * reads the others. Requests count for the server when it drains; see `serve`.
 */
export function directFront(server: Server, parts: DirectFrontParts): (client: Duplex) => void {
  const kept = new KeptConnections()
  const relays = new Set<DirectRelay>()
  let isDraining = false
  const all: DirectParts = {
    ...parts,
    kept,
    begun: () => {
      const ended = parts.begun?.()
      server.emit('exchange', 1)
      return (status) => {
        server.emit('exchange', -1)
        ended?.(status)
      }
    },
    ended: (relay) => void relays.delete(relay),
  }
  server.on('draining', () => {
    isDraining = true
    for (const relay of relays) relay.leave()
  })
  server.on('close', () => kept.close())
  return (client) => {
    if (isDraining) parts.careful(client)
    else if (!client.destroyed) relays.add(new DirectRelay(client, all))
  }
}
