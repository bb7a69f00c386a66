import { once } from 'node:events'
import { connect } from 'node:net'
import { DialAgent } from './dial.ts'
import { fetchOver } from './fetch.ts'

/**
 * Asks whoever listens on a Unix socket: like the global `fetch`, text bodies only. Each request has a
 * connection of its own.
 */
export function fetchSocket(path: string): (url: string, init: RequestInit) => Promise<Response> {
  const dial = async () => {
    const socket = connect(path)
    await once(socket, 'connect')
    return socket
  }
  const agent = new DialAgent(dial, { keepAlive: false })
  return (url, init) => fetchOver(agent, path, url, init)
}
