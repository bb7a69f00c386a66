import { createServer, type Server } from 'node:http'
import { CloisterError } from '@cloister/core'
import type { Documents } from '@cloister/development/root'

/** The endorsements service of a development network. */
export interface EndorsementsServer {
  /** Serves a label of a platform's; see `verifyLabels`. */
  label(platform: string, token: string): void
  close(): Promise<void>
}

/** Pages verify evidence too; the chains of certificates are in headers. */
const EVERY_PAGE = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }
/** What was signed is served for so long, of the days that it is good for. */
const RENEWED_MS = 6 * 3_600_000

/**
 * Answers as Intel's PCS does (API v4), with documents that are signed anew from time to time, and with
 * labels of platforms. Throws `port-taken`.
 */
export async function serveEndorsements(
  port: number,
  documents: Documents,
  renew: () => Promise<Documents>,
): Promise<EndorsementsServer> {
  const labels = new Map<string, string>()
  let current = Promise.resolve(documents)
  let until = Date.now() + RENEWED_MS
  const fresh = () => {
    if (Date.now() < until) return current
    until = Date.now() + RENEWED_MS
    const previous = current
    // What was signed before is good for days, and it is tried again with the next question.
    current = renew().catch(() => {
      until = 0
      return previous
    })
    return current
  }
  const answer = async (path: string) => {
    const platform = /^\/labels\/([0-9a-f]{64})$/.exec(path)?.[1]
    const label = platform && labels.get(platform)
    if (platform)
      return {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ labels: label ? [label] : [] }),
      }
    if (path === '/health') return { headers: {}, body: 'ok\n' }
    const found = (await fresh())[path]
    return found && { headers: found.headers, body: Buffer.from(found.body, 'base64') }
  }
  const server = createServer((request, response) => {
    answer(new URL(request.url ?? '/', 'http://endorsements').pathname).then(
      (found) => {
        response.writeHead(found ? 200 : 404, { ...found?.headers, ...EVERY_PAGE }).end(found?.body)
      },
      () => response.writeHead(500).end(),
    )
  })
  await listen(server, port)
  return {
    label: (platform, token) => labels.set(platform, token),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new CloisterError('port-taken', `Port ${port} is taken by another program.`, { cause })),
    )
    server.listen(port, '127.0.0.1', () => resolve())
  })
}
