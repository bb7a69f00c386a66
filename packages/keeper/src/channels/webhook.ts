import { createHmac } from 'node:crypto'
import { CloisterError, messageOf } from '@cloister/core'
import type { Notice } from '../notice.ts'
import type { Channel } from './channel.ts'

const ANSWER_MS = 15_000
const SECRET = /^whsec_([A-Za-z0-9+/]{32,88}={0,2})$/

/**
 * Notices as signed requests (Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`).
 * The body is the notice in JSON. Any status from 200 to 299 takes it.
 */
export class Webhook implements Channel {
  readonly name: string
  private readonly url: URL
  private readonly key: Buffer | undefined

  /** `secret`: `whsec_` and 24 to 64 bytes in base64. Throws `bad-option`. */
  constructor(url: string, secret: string | undefined) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw new CloisterError(
        'bad-option',
        `${JSON.stringify(url.slice(0, 200))} is no address of a webhook.`,
        {
          hint: 'Give one that begins with https://.',
        },
      )
    this.url = new URL(url)
    // Whoever can read the address may be who it is for; its query is often a secret.
    this.name = `webhook ${this.url.origin}${this.url.pathname}`
    const encoded = secret === undefined ? undefined : SECRET.exec(secret.trim())?.[1]
    if (secret !== undefined && encoded === undefined)
      throw new CloisterError('bad-option', "The webhook's secret is not one.", {
        hint: 'It is whsec_ and 24 to 64 bytes in base64: echo "whsec_$(openssl rand -base64 32)".',
      })
    this.key = encoded === undefined ? undefined : Buffer.from(encoded, 'base64')
  }

  async tell(notice: Notice, ended?: AbortSignal): Promise<void> {
    const body = JSON.stringify({
      type: `lease.${notice.kind}.${notice.state}`,
      timestamp: notice.time,
      data: notice,
    })
    const timestamp = String(Math.floor(Date.now() / 1000))
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'user-agent': 'cloister',
      'webhook-id': notice.id,
      'webhook-timestamp': timestamp,
    }
    if (this.key)
      headers['webhook-signature'] =
        `v1,${createHmac('sha256', this.key).update(`${notice.id}.${timestamp}.${body}`).digest('base64')}`
    const late = AbortSignal.timeout(ANSWER_MS)
    const signal = ended ? AbortSignal.any([late, ended]) : late
    const answer = await fetch(this.url, { method: 'POST', headers, body, redirect: 'error', signal }).catch(
      (cause) => {
        throw new CloisterError('unreachable', `${this.name} does not answer: ${messageOf(cause)}.`, {
          cause,
        })
      },
    )
    await answer.body?.cancel()
    if (!answer.ok)
      throw new CloisterError('bad-answer', `${this.name} answers with status ${answer.status}.`)
  }
}
