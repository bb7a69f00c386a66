import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ROUTE_HEADER, toProblem } from '@cloister/core'

/** A server that was started. */
export interface Serving {
  url: string
  close(): void
}

/** What a server has under a path: JSON, or the bytes of a document. */
export type Answer = (path: string, route: string | undefined) => Promise<unknown>

/** Bytes, with headers of their own. */
export class Document {
  readonly headers: Record<string, string>
  readonly body: Buffer

  constructor({ headers, body }: { headers: Record<string, string>; body: string }) {
    this.headers = headers
    this.body = Buffer.from(body, 'base64')
  }
}

/** Serves on a free port; what `answer` throws becomes a problem document. */
export async function serve(answer: Answer): Promise<Serving> {
  const server = createServer((request, response) => {
    const route = request.headers[ROUTE_HEADER]
    answer(request.url ?? '', typeof route === 'string' ? route : undefined).then(
      (found) =>
        found instanceof Document
          ? response.writeHead(200, found.headers).end(found.body)
          : response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found)),
      (error) => {
        const problem = toProblem(error)
        response.writeHead(problem.status).end(JSON.stringify(problem))
      },
    )
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
