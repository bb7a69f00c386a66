import type { ServerResponse } from 'node:http'
import type { LeaseRecord } from '@cloister/core'
import { type DialAgent, fetchOver, type Incoming, type Outgoing, readText } from '@cloister/transport'
import { targetOf } from '../dial.ts'
import { show } from '../door.ts'
import type { Groups } from '../groups/groups.ts'
import { PAGES } from '../pages.ts'
import type { DomainFinder } from './finder.ts'

/** RFC 8555, section 8.3: a token has the letters of base64url. */
const CHALLENGE = /^\/\.well-known\/acme-challenge\/([\w-]{16,128})$/
const ANSWER_MS = 5_000
const MAX_ANSWER_BYTES = 1_024
/** RFC 7638 thumbprint and token. */
const KEY_AUTHORIZATION = /^[\w-]{16,128}\.[\w-]{20,128}$/

/** What a plain door is made of. */
export interface PlainDoorParts {
  finder: Pick<DomainFinder, 'find'>
  groups: Pick<Groups, 'of'>
  agent: DialAgent
  /** Where TLS of domains is taken, as the outside sees it. */
  securePort: () => number
}

/**
 * Plain HTTP of tenants' domains: what a certificate authority asks for is led to the worker, and everything
 * else to https.
 */
export class PlainDoor {
  private readonly parts: PlainDoorParts

  constructor(parts: PlainDoorParts) {
    this.parts = parts
  }

  request(host: string, request: Incoming, response: Outgoing): void {
    this.answer(host, request, response).catch(() => show(PAGES.unreachable, request, response))
  }

  private async answer(host: string, request: Incoming, response: Outgoing): Promise<void> {
    const name = host
      .toLowerCase()
      .replace(/:\d{1,5}$/, '')
      .replace(/\.$/, '')
    const lease = await this.parts.finder.find(name)
    if (!lease) return show(PAGES.foreign, request, response)
    const plain = response as ServerResponse
    const token = CHALLENGE.exec(request.url ?? '')?.[1]
    if (token !== undefined) {
      // Each replica of a group has certificates of its own, and asks for them by itself.
      const asked = lease.replica === undefined ? [lease] : await this.parts.groups.of(lease)
      const texts = await Promise.all(
        asked.map((one) =>
          this.challenge(one, name, token).catch((error) => {
            if (asked.length === 1) throw error
            return undefined
          }),
        ),
      )
      const text = texts.find((found) => found !== undefined)
      if (text === undefined) return show(PAGES.unknown, request, response)
      return void plain
        .writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' })
        .end(text)
    }
    const port = this.parts.securePort()
    const path = /^\/[^\s]*$/.test(request.url ?? '') ? request.url : '/'
    const location = `https://${name}${port === 443 ? '' : `:${port}`}${path}`
    plain.writeHead(308, { location, 'content-length': 0, 'cache-control': 'no-store' }).end()
  }

  /** What the worker of a lease answers to a challenge; undefined where it knows of none. */
  private async challenge(lease: LeaseRecord, name: string, token: string): Promise<string | undefined> {
    const url = new URL(`/v1/leases/${lease.lease}/challenges/${token}?domain=${name}`, lease.endpoint).href
    const answer = await fetchOver(this.parts.agent, targetOf(lease), url, {
      headers: { host: 'worker' },
      signal: AbortSignal.timeout(ANSWER_MS),
    })
    const text = await readText(answer.body, MAX_ANSWER_BYTES)
    return answer.status === 200 && KEY_AUTHORIZATION.test(text) ? text : undefined
  }
}
