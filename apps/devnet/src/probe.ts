import { request as requestPlain } from 'node:http'
import { request as requestOverTls } from 'node:https'
import { connect } from 'node:net'

const ANSWER_MS = 500

/** What a daemon is asked to find out whether it is up. */
export interface Probe {
  url: string
  /** Sent by POST; without one it is a GET. */
  body?: string
}

/**
 * Whether the one asked answers, with 200. Who it is doesn't matter, so no roots are read: a worker's
 * certificate is its own. Rejects where nobody does.
 */
export function answers({ url, body }: Probe): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const isTls = url.startsWith('https:')
    const options = { method: body === undefined ? 'GET' : 'POST', timeout: ANSWER_MS, agent: false }
    const asked = isTls
      ? requestOverTls(url, { ...options, ca: [], rejectUnauthorized: false })
      : requestPlain(url, options)
    asked.once('response', (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    asked.once('timeout', () => asked.destroy(new Error('no answer')))
    asked.once('error', reject)
    asked.end(body)
  })
}

/** Whether anybody listens where a URL leads to. To a closed port a request takes ten times as long. */
export function listens(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname)
    const end = (listening: boolean) => {
      socket.destroy()
      resolve(listening)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}
