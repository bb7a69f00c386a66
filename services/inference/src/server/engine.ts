import { Agent, type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestOverTls, Agent as TlsAgent } from 'node:https'
import { CloisterError } from '@cloister/core'

/** The program that has the model: any that speaks OpenAI's API over HTTP. Connections to it are kept. */
export class Engine {
  private readonly url: URL
  private readonly agent: Agent
  private readonly request: typeof requestPlain
  private readonly base: string

  /** `url`: where it answers, `http://engine:8081`; a path goes before the ones that are asked. */
  constructor(url: string, concurrency: number) {
    this.url = new URL(url)
    this.base = this.url.pathname.replace(/\/$/, '').replace(/\/v1$/, '')
    const isOverTls = this.url.protocol === 'https:'
    const options = { keepAlive: true, maxSockets: concurrency * 2 + 4, scheduling: 'lifo' as const }
    this.agent = isOverTls ? new TlsAgent(options) : new Agent(options)
    this.request = isOverTls ? requestOverTls : requestPlain
  }

  /**
   * Asks and gives the answer's head; its body is to be read. Aborting `signal` breaks off whatever is under
   * way, at the engine too. Throws `unreachable` where nobody answers, and what `signal` was aborted with.
   */
  ask(
    path: string,
    { method, headers, body, signal }: EngineRequest,
    mayRepeat = true,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = this.request({
        agent: this.agent,
        protocol: this.url.protocol,
        host: this.url.hostname,
        port: this.url.port,
        method,
        path: this.base + path,
        headers: body ? { ...headers, 'content-length': body.length } : headers,
      })
      const leave = () => outgoing.destroy()
      signal.addEventListener('abort', leave)
      outgoing.once('close', () => signal.removeEventListener('abort', leave))
      outgoing.once('response', resolve)
      outgoing.once('error', (cause) => {
        if (signal.aborted) reject(signal.reason)
        // A kept connection was closed while nothing went over it.
        else if (mayRepeat && outgoing.reusedSocket)
          this.ask(path, { method, headers, body, signal }, false).then(resolve, reject)
        else reject(new CloisterError('unreachable', 'The model’s engine does not answer.', { cause }))
      })
      outgoing.end(body)
    })
  }

  close(): void {
    this.agent.destroy()
  }
}

/** A request to the engine. */
export interface EngineRequest {
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body: Buffer | undefined
  signal: AbortSignal
}
