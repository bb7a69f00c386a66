import type { Socket } from 'node:dgram'
import type { DatagramFlow } from './executor.ts'

/** Bytes that may wait in a socket. What comes beyond is dropped, as a full line drops it. */
const MAX_WAITING = 1024 * 1024

/** A flow over a socket of ours: it sends to `host` and `port` and takes from there alone. */
export function flowOver(
  socket: Socket,
  host: string,
  port: number,
  receive: (datagram: Buffer) => void,
): DatagramFlow {
  socket.on('message', (datagram, from) => {
    if (from.port === port && from.address === host) receive(datagram)
  })
  // A refused datagram is one that was lost.
  socket.on('error', () => {})
  let open = true
  return {
    send: (datagram) => {
      if (open && socket.getSendQueueSize() < MAX_WAITING) socket.send(datagram, port, host, () => {})
    },
    close: () => {
      if (open) socket.close()
      open = false
    },
  }
}
