import { CloisterError, encodeRelay, fromProblem, type SignedRelay } from '@cloister/core'
import { WebSocket } from 'ws'
import type { WorkerClient } from '../worker/client.ts'

const OPEN_MS = 15_000
/** A message is 64 KiB of datagrams, or one. */
export const RELAY_MESSAGE_BYTES = 128 * 1024
const MOST_TEXT = 10_000

/**
 * Has another worker relay a tunnel between two leases on a private network, as the worker of one of them
 * signed it: an open WebSocket, paused, that datagrams go over. Throws `unreachable`, and what the worker's
 * problem document says.
 */
export function openRelay(client: WorkerClient, relay: SignedRelay): Promise<WebSocket> {
  const path = `/v1/leases/${relay.reader}/network/relay`
  const socket = new WebSocket(client.endpoint.replace(/^https?/, 'ws') + path, {
    headers: { authorization: encodeRelay(relay) },
    handshakeTimeout: OPEN_MS,
    maxPayload: RELAY_MESSAGE_BYTES,
    // What WireGuard has encrypted doesn't shrink.
    perMessageDeflate: false,
    ...{ agent: client.connection.agent, target: client.endpoint },
  })
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      // What comes before anybody listens waits.
      socket.pause()
      resolve(socket)
    })
    socket.once('unexpected-response', (request, response) => {
      let text = ''
      response.on('data', (chunk) => (text = (text + chunk).slice(0, MOST_TEXT)))
      response.on('end', () => {
        reject(fromProblem(response.statusCode ?? 0, text, 'The worker'))
        request.destroy()
      })
    })
    socket.on('error', (cause) =>
      reject(new CloisterError('unreachable', 'The worker can not be reached for a relay.', { cause })),
    )
  })
}
