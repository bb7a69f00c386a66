import { CloisterError, decodeRelay } from '@cloister/core'
import type { Hex } from 'viem'
import type { WebSocketServer } from 'ws'
import { checkHandshake, type Upgrade } from './exec.ts'
import type { Worker } from './worker.ts'

const PATH = /^\/v1\/leases\/(0x[0-9a-f]{64})\/network\/relay$/

/** The lease that a path asks for a relay to; undefined for any other path. */
export function relayTarget(path: string): Hex | undefined {
  return PATH.exec(path)?.[1] as Hex | undefined
}

/**
 * `GET /v1/leases/{id}/network/relay`, upgraded to a WebSocket: another worker has a tunnel to a lease here
 * relayed. Its messages are datagrams of WireGuard's.
 */
export async function upgradeToRelay(
  worker: Worker,
  sockets: WebSocketServer,
  id: Hex,
  { request, socket, head }: Upgrade,
): Promise<void> {
  const asked = decodeRelay(request.headers.authorization)
  if (!asked)
    throw new CloisterError('unauthorized', 'A request for a relay is signed by the worker of a member.')
  if (!worker.networks) throw new CloisterError('not-found', 'This worker has no private networks.')
  const take = await worker.networks.admitRelay(id, asked)
  checkHandshake(request)
  if (!socket.destroyed) sockets.handleUpgrade(request, socket, head, take)
}
