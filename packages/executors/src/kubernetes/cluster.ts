import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { CloisterError, messageOf } from '@cloister/core'
import { WebSocket } from 'ws'
import type { ApiStatus } from './api-types.ts'
import { ApiFailure } from './failures.ts'
import { type Access, type ClusterPlace, openAccess } from './kubeconfig.ts'

/** A connection of several channels (`v4.channel.k8s.io`). */
export interface Channels {
  send(channel: number, bytes: Uint8Array): void
  /** Whether what was sent waits to go. */
  buffered(): number
  pause(): void
  resume(): void
  close(): void
  /** Resolves when it is over. Never rejects. */
  closed: Promise<void>
}

type Query = Record<string, string | number | boolean | readonly string[] | undefined>

/** Channels without a way to end standard input, which every version of Kubernetes has. */
const CHANNELS = 'v4.channel.k8s.io'
const SILENCE_MS = 30_000
/** No answer is longer: what a whole cluster runs. */
const MOST_BYTES = 64 * 1024 * 1024

/** The API server of a cluster. What it answers is held to bounds, and otherwise believed. */
export class Cluster {
  private readonly access: Access
  private agent: { key: string; agent: Agent } | undefined

  private constructor(access: Access) {
    this.access = access
  }

  /** Reads the configuration. Throws `no-engine`. */
  static async open(place: ClusterPlace): Promise<Cluster> {
    try {
      return new Cluster(await openAccess(place))
    } catch (cause) {
      const { kubeconfig } = place
      throw new CloisterError(
        'no-engine',
        `The cluster's configuration can't be used: ${messageOf(cause)}.`,
        {
          hint:
            kubeconfig === undefined
              ? 'Name a `kubeconfig` under `executor`, or run the worker in the cluster with a service account.'
              : `Look at ${kubeconfig}, and at \`context\` under \`executor\`.`,
          cause,
        },
      )
    }
  }

  get<T>(path: string, query: Query = {}): Promise<T> {
    return this.ask<T>('GET', path, { query })
  }

  create<T>(path: string, body: object): Promise<T> {
    return this.ask<T>('POST', path, { body })
  }

  /** Puts an object in the place of another. */
  replace<T>(path: string, body: object): Promise<T> {
    return this.ask<T>('PUT', path, { body })
  }

  /** Changes some fields of an object (RFC 7396). */
  patch<T>(path: string, body: object): Promise<T> {
    return this.ask<T>('PATCH', path, { body, type: 'application/merge-patch+json' })
  }

  delete(path: string, body: object = {}): Promise<unknown> {
    return this.ask('DELETE', path, { body })
  }

  /** An answer that goes on: a log, or a watch. Ends with `signal`. */
  async follow(path: string, query: Query, signal: AbortSignal): Promise<IncomingMessage> {
    const response = await this.send('GET', path, { query, signal })
    if (response.statusCode === 200) return response
    throw await failureOf(response)
  }

  /** Opens channels; `take` is told what comes in each. */
  async connect(
    path: string,
    query: Query,
    take: (channel: number, bytes: Buffer) => void,
  ): Promise<Channels> {
    const url = this.urlOf(path, query)
    url.protocol = 'wss:'
    const own = { ...(await this.access.tls()), headers: await this.headers() }
    const socket = new WebSocket(url, [CHANNELS], { ...own, handshakeTimeout: SILENCE_MS })
    socket.on('message', (data: Buffer) => {
      if (data.length > 0) take(data[0] ?? 0, data.subarray(1))
    })
    await opened(socket)
    socket.on('error', () => socket.terminate())
    const alive = setInterval(() => socket.readyState === WebSocket.OPEN && socket.ping(), SILENCE_MS)
    const closed = new Promise<void>((resolve) =>
      socket.once('close', () => {
        clearInterval(alive)
        resolve()
      }),
    )
    return {
      send: (channel, bytes) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(Buffer.concat([Buffer.of(channel), bytes]))
      },
      buffered: () => socket.bufferedAmount,
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      close: () => socket.close(),
      closed,
    }
  }

  private urlOf(path: string, query: Query): URL {
    const { server } = this.access
    return new URL(`${server.pathname.replace(/\/$/, '')}${path}${queryText(query)}`, server)
  }

  private async headers(): Promise<Record<string, string>> {
    const token = await this.access.token()
    return token ? { authorization: `Bearer ${token}` } : {}
  }

  /** Keeps connections, as long as what TLS is spoken with stays the same. */
  private async agentOf(): Promise<Agent> {
    const tls = await this.access.tls()
    const key = JSON.stringify(tls)
    if (this.agent?.key !== key) this.agent = { key, agent: new Agent({ ...tls, keepAlive: true }) }
    return this.agent.agent
  }

  private async ask<T>(method: string, path: string, options: RequestOptions): Promise<T> {
    const response = await this.send(method, path, options)
    if ((response.statusCode ?? 500) >= 300) throw await failureOf(response)
    return JSON.parse((await textOf(response)) || '{}') as T
  }

  private async send(method: string, path: string, options: RequestOptions): Promise<IncomingMessage> {
    const { query = {}, body, type = 'application/json', signal } = options
    const url = this.urlOf(path, query)
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const own = await this.agentOf()
    const authorization = await this.headers()
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = {
        ...authorization,
        accept: 'application/json',
        ...(bytes && { 'content-type': type, 'content-length': bytes.length }),
      }
      const asked = request(url, { agent: own, method, headers, ...(signal && { signal }) }, (response) => {
        asked.setTimeout(0)
        resolve(response)
      })
      asked.setTimeout(SILENCE_MS, () => asked.destroy(new Error('it does not answer in time')))
      asked.on('error', (cause) =>
        reject(signal?.aborted ? cause : new ApiFailure(0, cause.message, { cause })),
      )
      asked.end(bytes)
    })
  }
}

interface RequestOptions {
  query?: Query
  body?: object
  type?: string
  signal?: AbortSignal
}

/** Waits until channels are open. Throws `ApiFailure` with what the API server says instead. */
function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.off('error', reject)
      resolve()
    })
    socket.once('error', (cause) => reject(new ApiFailure(0, cause.message, { cause })))
    socket.once('unexpected-response', (_, response) => {
      failureOf(response).then(reject, reject)
      socket.terminate()
    })
  })
}

function queryText(query: Query): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    for (const one of Array.isArray(value) ? value : value === undefined ? [] : [value])
      params.append(name, String(one))
  return params.size === 0 ? '' : `?${params}`
}

async function failureOf(response: IncomingMessage): Promise<ApiFailure> {
  const text = await textOf(response).catch(() => '')
  let said: Partial<ApiStatus> = {}
  try {
    said = JSON.parse(text) as ApiStatus
  } catch {
    // Not the API server's own words.
  }
  return new ApiFailure(response.statusCode ?? 0, String(said?.message ?? (text || response.statusMessage)))
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MOST_BYTES) throw new ApiFailure(0, 'the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
