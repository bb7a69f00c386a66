import type { Socket } from 'node:net'
import { type DialRules, dialChecked } from './checked-dial.ts'
import { DialAgent } from './dial.ts'
import { fetchOver } from './fetch.ts'

const MAX_CONNECTIONS = 6

/**
 * Asks for URLs that somebody else named, over connections that `dialChecked` opens. Redirects come back as
 * answers, to be judged like any URL.
 */
export class CheckedFetch {
  private readonly agent: DialAgent

  /** `rulesOf` says what a URL may lead to; `secure` begins TLS, if not as the system trusts. */
  constructor(rulesOf: (url: URL) => DialRules, secure?: (socket: Socket, host: string) => Promise<Socket>) {
    this.agent = new DialAgent(
      async (origin) => {
        const url = new URL(origin)
        return dialChecked(url, rulesOf(url), secure)
      },
      { maxSockets: MAX_CONNECTIONS },
    )
  }

  /**
   * Like the global `fetch`, text bodies only. The body streams; whoever reads it says how long silence may
   * last.
   */
  fetch(url: URL, init: RequestInit = {}): Promise<Response> {
    return fetchOver(this.agent, url.origin, url.href, { ...init, redirect: 'manual' })
  }

  /** Ends all connections. */
  close(): void {
    this.agent.destroy()
  }
}
