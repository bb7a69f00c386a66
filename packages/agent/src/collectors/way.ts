import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { CloisterError, type Collector, type CollectorPlace, collectorPlace, messageOf } from '@cloister/core'
import { DialAgent, type DialRules, dialChecked, fetchOver, readText, tlsOver } from '@cloister/transport'

const SEND_MS = 15_000
const MAX_ANSWER_BYTES = 64 * 1024
const SYSLOG_PORTS = [514, 601]
/** Statuses after which the same is sent again (OTLP 1.x, "Failures"; Loki answers by the same). */
const AGAIN = new Set([408, 429, 500, 502, 503, 504])
/** Seconds that a collector may have us wait. */
const LONGEST_WAIT_S = 300

/** A collector didn't take something. `again`: it may take it later, after `waitMs` at least. */
export class NotTaken extends Error {
  readonly again: boolean
  readonly waitMs: number

  constructor(message: string, again: boolean, waitMs = 0) {
    super(message)
    this.again = again
    this.waitMs = waitMs
  }
}

/** What a collector said to a request: OTLP's answers name what they took only partly. */
export type Answer = { rejected: number; message: string }

/** A way to one collector, over connections that are checked like every address that a stranger named. */
export class Way {
  readonly place: CollectorPlace
  private readonly collector: Collector
  private readonly rules: DialRules
  private readonly agent: DialAgent
  private socket: Socket | undefined

  constructor(collector: Collector, rules: DialRules) {
    const place = collectorPlace(collector.url)
    if (!place) throw new CloisterError('bad-option', 'That is no collector.')
    this.place = place
    this.collector = collector
    this.rules = { ...rules, ownPorts: place.kind === 'syslog' ? SYSLOG_PORTS : [] }
    this.agent = new DialAgent(() => this.dial(), { maxSockets: 1 })
  }

  /** Posts JSON to a path below the collector's address. Throws `NotTaken`. */
  async post(path: string, content: object, end: AbortSignal): Promise<Answer> {
    const { url } = this.place
    const body = await promisify(gzip)(JSON.stringify(content))
    const at = new URL(url)
    at.pathname = path
    const signal = AbortSignal.any([end, AbortSignal.timeout(SEND_MS)])
    const response = await fetchOver(this.agent, url.origin, at.href, {
      method: 'POST',
      body: new Uint8Array(body),
      headers: {
        ...this.collector.headers,
        'content-type': 'application/json',
        'content-encoding': 'gzip',
        'content-length': String(body.length),
        'user-agent': 'cloister',
      },
      redirect: 'manual',
      signal,
    }).catch((error) => {
      throw new NotTaken(reasonOf(error), true)
    })
    const text = await readText(response.body, MAX_ANSWER_BYTES).catch(() => '')
    if (response.ok) return partly(text)
    const wait = Number(response.headers.get('retry-after'))
    throw new NotTaken(
      `it answers with status ${response.status}${text === '' ? '' : `: ${text.slice(0, 200)}`}`,
      AGAIN.has(response.status),
      Number.isFinite(wait) ? Math.min(Math.max(wait, 0), LONGEST_WAIT_S) * 1000 : 0,
    )
  }

  /** Writes to a connection that stays open; resolves once the bytes are on their way. Throws `NotTaken`. */
  async write(bytes: Buffer, end: AbortSignal): Promise<void> {
    const socket = this.socket ?? (await this.open())
    const signal = AbortSignal.any([end, AbortSignal.timeout(SEND_MS)])
    await new Promise<void>((resolve, reject) => {
      const fail = (reason: string) => {
        socket.destroy()
        reject(new NotTaken(reason, true))
      }
      const late = () => fail('it takes nothing')
      const closed = () => fail('it closed the connection')
      const settle = () => {
        signal.removeEventListener('abort', late)
        socket.off('close', closed)
      }
      if (signal.aborted || socket.destroyed) return fail('it closed the connection')
      signal.addEventListener('abort', late, { once: true })
      socket.once('close', closed)
      socket.write(bytes, (error) => {
        settle()
        if (error) fail(messageOf(error))
        else resolve()
      })
    })
  }

  close(): void {
    this.socket?.destroy()
    this.agent.destroy()
  }

  private async open(): Promise<Socket> {
    const socket = await this.dial().catch((error) => {
      throw new NotTaken(reasonOf(error), true)
    })
    socket.setKeepAlive(true, 30_000)
    socket.on('error', () => {})
    // Collectors say nothing here; what they say is not kept.
    socket.resume()
    socket.once('close', () => {
      if (this.socket === socket) this.socket = undefined
    })
    this.socket = socket
    return socket
  }

  private dial(): Promise<Socket> {
    const { ca } = this.collector
    const isHttp = this.place.kind !== 'syslog'
    return dialChecked(this.place.url, this.rules, (socket, host) =>
      tlsOver(socket, host, {
        ...(isHttp && { ALPNProtocols: ['http/1.1'] }),
        ...(ca !== undefined && { ca }),
      }),
    )
  }
}

/** What of an OTLP request was not taken though the rest was (`partialSuccess`). */
function partly(text: string): Answer {
  try {
    const { partialSuccess } = JSON.parse(text) as { partialSuccess?: Record<string, unknown> }
    const rejected = Number(partialSuccess?.['rejectedLogRecords'] ?? 0)
    return {
      rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
      message: String(partialSuccess?.['errorMessage'] ?? '').slice(0, 200),
    }
  } catch {
    return { rejected: 0, message: '' }
  }
}

function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown }
  const said = error instanceof TypeError && cause ? messageOf(cause) : messageOf(error)
  return said.slice(0, 300)
}
