import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

/**
 * A registry that serves images of a layout folder under tags that can be moved, and misbehaves as it is
 * told.
 */
export interface FakeRegistry {
  /** `127.0.0.1:port`. */
  host: string
  /** Digest by `repository:tag`. */
  tags: Map<string, string>
  /** Name and password that it asks for. */
  login: { username: string; password: string } | undefined
  /** May answer in its place: true where it did. */
  misbehave: (request: IncomingMessage, response: ServerResponse, blob: Buffer | undefined) => boolean
  /** Paths that it was asked for, with the authorization that came along. */
  asked: { path: string; authorization: string | undefined }[]
  stop(): Promise<void>
}

/**
 * Starts one over the blobs of a layout folder (OCI distribution specification 1.1, "Pull", and Basic
 * authorization).
 */
export async function startFakeRegistry(layout: string): Promise<FakeRegistry> {
  const registry: FakeRegistry = {
    host: '',
    tags: new Map(),
    login: undefined,
    misbehave: () => false,
    asked: [],
    stop: async () => {},
  }
  const server = createServer((request, response) => {
    const { url = '', headers } = request
    registry.asked.push({ path: url, authorization: headers.authorization })
    const [, repository = '', kind, wanted = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url) ?? []
    const digest = wanted.startsWith('sha256:') ? wanted : registry.tags.get(`${repository}:${wanted}`)
    const bytes = digest === undefined ? undefined : read(layout, digest)
    if (registry.misbehave(request, response, kind === 'blobs' ? bytes : undefined)) return
    if (registry.login && headers.authorization !== basic(registry.login))
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end()
    if (!bytes) return void response.writeHead(404).end()
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
    response
      .writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from })
      .end(bytes.subarray(from))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  registry.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  registry.stop = () => {
    server.closeAllConnections()
    return new Promise((done) => server.close(() => done()))
  }
  return registry
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function read(layout: string, digest: string): Buffer | undefined {
  try {
    return readFileSync(join(layout, 'blobs', ...digest.split(':')))
  } catch {
    return undefined
  }
}
