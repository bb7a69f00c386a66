import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError } from '@cloister/core'
import { readText } from '@cloister/transport'
import type * as z from 'zod'
import { AccountKey } from './jws.ts'
import { AcmeProblem, asProblem, notBeforeOf, problemOf } from './problem.ts'
import { Authorization, type Challenge, Directory, Order, RenewalInfo } from './shapes.ts'

const MAX_ANSWER_BYTES = 256 * 1024
const ANSWER_MS = 30_000
const DIRECTORY_MS = 3_600_000
const NONCE_TRIES = 4
/** Milliseconds for an authority to look at what it asked for, and between two looks at whether it has. */
const PATIENCE_MS = 180_000
const LOOK_MS = { first: 500, longest: 10_000 }

/** An account with an authority. */
export interface AcmeAccount {
  /** PEM. */
  key: string
  /** Known once the authority knows the account. */
  url?: string | undefined
}

/** What an order needs of its surroundings. */
export interface OrderParts {
  domain: string
  type: 'http-01' | 'dns-01'
  /** A request for the certificate, DER. */
  request: Uint8Array
  /** An order of before, which may have come to its end meanwhile. */
  begun?: string | undefined
  /** The certificate that it is in place of, as the authority calls it (RFC 9773, section 5). */
  replaces?: string | undefined
  /** Is told of the order, to write it down. */
  ordered(url: string): void
  /** Makes the answer to a challenge available; what it returns takes it away again. */
  publish(token: string, authorization: string): Promise<() => unknown>
  signal: AbortSignal
}

/**
 * A client of an authority that speaks ACME (RFC 8555). It asks for one certificate at a time and waits for
 * nothing but what it asked for: whoever calls it decides when to try again. Throws an `AcmeProblem` where
 * the authority says no, `bad-answer`, and what `send` throws.
 */
export class AcmeClient {
  private readonly directoryUrl: URL
  private readonly send: (url: URL, init: RequestInit) => Promise<Response>
  private readonly account: AcmeAccount
  private readonly key: AccountKey
  private directory: { until: number; found: Directory } | undefined
  private nonces: string[] = []

  constructor(
    directoryUrl: URL,
    account: AcmeAccount,
    send: (url: URL, init: RequestInit) => Promise<Response>,
  ) {
    this.directoryUrl = directoryUrl
    this.account = account
    this.key = new AccountKey(account.key)
    this.send = send
  }

  /** How CAA records call the authority (RFC 8659), where it has said so. */
  get identity(): string | undefined {
    return this.directory?.found.meta?.caaIdentities?.[0]
  }

  /**
   * The account's URL, which it gets where it has none. `terms`: whoever runs the worker agrees to the
   * authority's.
   */
  async register(
    { contact, terms }: { contact: readonly string[]; terms: boolean },
    signal: AbortSignal,
  ): Promise<string> {
    if (this.account.url !== undefined) return this.account.url
    const { newAccount } = await this.find(signal)
    const payload = { termsOfServiceAgreed: terms, ...(contact.length > 0 && { contact }) }
    const { headers } = await this.ask(newAccount, payload, signal)
    const url = locationIn(headers)
    this.account.url = url
    return url
  }

  /** A certificate with its chain, PEM. */
  async order(parts: OrderParts): Promise<string> {
    const { signal, domain } = parts
    const begun = parts.begun === undefined ? undefined : await this.takeUp(parts.begun, signal)
    let { url, order } = begun ?? (await this.begin(parts))
    parts.ordered(url)
    if (order.status === 'pending') {
      for (const authorization of order.authorizations) await this.authorize(authorization, parts)
      order = await this.until(url, Order, ({ status }) => status !== 'pending', signal)
    }
    if (order.status === 'ready') {
      const csr = Buffer.from(parts.request).toString('base64url')
      await this.ask(order.finalize, { csr }, signal)
      order = await this.until(
        url,
        Order,
        ({ status }) => status !== 'ready' && status !== 'processing',
        signal,
      )
    }
    if (order.status === 'processing')
      order = await this.until(url, Order, ({ status }) => status !== 'processing', signal)
    if (order.status !== 'valid' || order.certificate === undefined)
      throw asProblem(order.error, `the order for ${domain} is ${order.status}`)
    return (await this.ask(order.certificate, undefined, signal)).text
  }

  /**
   * When the authority would have a certificate renewed (RFC 9773): a window, and when to ask again; Unix
   * milliseconds. Undefined where it doesn't say.
   */
  async renewalOf(
    certificate: string,
    signal: AbortSignal,
  ): Promise<{ from: number; to: number } | undefined> {
    const { renewalInfo } = await this.find(signal)
    if (renewalInfo === undefined) return undefined
    const answer = await this.send(new URL(`${renewalInfo.replace(/\/$/, '')}/${certificate}`), {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    })
    const text = await readText(answer.body, MAX_ANSWER_BYTES)
    if (answer.status !== 200) return undefined
    const { start, end } = parse(RenewalInfo, text).suggestedWindow
    return end > start ? { from: start.getTime(), to: end.getTime() } : undefined
  }

  private async begin({ domain, replaces, signal }: OrderParts): Promise<{ url: string; order: Order }> {
    const { newOrder } = await this.find(signal)
    const identifiers = [{ type: 'dns', value: domain }]
    const asked = await this.ask(
      newOrder,
      { identifiers, ...(replaces !== undefined && { replaces }) },
      signal,
    )
    return { url: locationIn(asked.headers), order: parse(Order, asked.text) }
  }

  /** An order of before, unless it came to nothing or is forgotten. */
  private async takeUp(url: string, signal: AbortSignal): Promise<{ url: string; order: Order } | undefined> {
    try {
      const order = parse(Order, (await this.ask(url, undefined, signal)).text)
      return order.status === 'invalid' ? undefined : { url, order }
    } catch (error) {
      if (error instanceof AcmeProblem) return undefined
      throw error
    }
  }

  private async authorize(url: string, { type, publish, signal }: OrderParts): Promise<void> {
    const { status, challenges } = parse(Authorization, (await this.ask(url, undefined, signal)).text)
    if (status === 'valid') return
    const challenge = challenges.find((offered) => offered.type === type)
    if (challenge?.token === undefined)
      throw new AcmeProblem('unsupported', `it offers no ${type} for this name`)
    const takeAway = await publish(challenge.token, this.key.authorizationOf(challenge.token))
    try {
      await this.ask(challenge.url, {}, signal)
      const done = await this.until(url, Authorization, (now) => now.status !== 'pending', signal)
      if (done.status !== 'valid') throw failureOf(done.challenges, done.status)
    } finally {
      await takeAway()
    }
  }

  /** What is at a URL once `isDone`. Waits as long as the authority says, within bounds. */
  private async until<T>(
    url: string,
    shape: z.ZodType<T>,
    isDone: (now: T) => boolean,
    signal: AbortSignal,
  ): Promise<T> {
    const end = Date.now() + PATIENCE_MS
    for (let pause = LOOK_MS.first; ; pause = Math.min(pause * 2, LOOK_MS.longest)) {
      const { text, headers } = await this.ask(url, undefined, signal)
      const now = parse(shape, text)
      if (isDone(now)) return now
      const told = (notBeforeOf(headers.get('retry-after')) ?? 0) - Date.now()
      const wait = Math.min(Math.max(pause, told), 2 * LOOK_MS.longest)
      if (Date.now() + wait > end) throw new AcmeProblem('slow', 'it has not come to an end in three minutes')
      await delay(wait, undefined, { signal })
    }
  }

  private async find(signal: AbortSignal): Promise<Directory> {
    if (this.directory && this.directory.until > Date.now()) return this.directory.found
    const answer = await this.send(this.directoryUrl, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    })
    const text = await readText(answer.body, MAX_ANSWER_BYTES)
    if (answer.status !== 200) throw problemOf(answer.status, text, answer.headers.get('retry-after'))
    const found = parse(Directory, text)
    this.directory = { until: Date.now() + DIRECTORY_MS, found }
    return found
  }

  /** A signed request. A nonce that holds no more is replaced (section 6.5). */
  private async ask(
    url: string,
    payload: object | undefined,
    signal: AbortSignal,
  ): Promise<{ text: string; headers: Headers }> {
    for (let tries = 1; ; tries++) {
      const nonce = this.nonces.pop() ?? (await this.newNonce(signal))
      const answer = await this.send(new URL(url), {
        method: 'POST',
        headers: { 'content-type': 'application/jose+json' },
        body: this.key.sign(url, nonce, payload, this.account.url),
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
      })
      this.keep(answer.headers)
      const text = await readText(answer.body, MAX_ANSWER_BYTES)
      if (answer.status >= 200 && answer.status < 300) return { text, headers: answer.headers }
      const problem = problemOf(answer.status, text, answer.headers.get('retry-after'))
      if (problem.kind !== 'badNonce' || tries >= NONCE_TRIES) throw problem
    }
  }

  private async newNonce(signal: AbortSignal): Promise<string> {
    const { newNonce } = await this.find(signal)
    const answer = await this.send(new URL(newNonce), {
      method: 'HEAD',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    })
    await answer.body?.cancel()
    this.keep(answer.headers)
    return this.nonces.pop() ?? fail('it gives no nonce')
  }

  private keep(headers: Headers): void {
    const nonce = headers.get('replay-nonce')
    if (nonce !== null && /^[\w-]{1,512}$/.test(nonce) && this.nonces.length < 8) this.nonces.push(nonce)
  }
}

function failureOf(challenges: readonly Challenge[], status: string): AcmeProblem {
  const failed = challenges.find(({ error }) => error !== undefined)
  return asProblem(failed?.error, `the name was not found to be ours (${status})`)
}

function parse<T>(shape: z.ZodType<T>, text: string): T {
  try {
    return shape.parse(JSON.parse(text))
  } catch (cause) {
    return fail('what it answers is not ACME', cause)
  }
}

function locationIn(headers: Headers): string {
  const url = headers.get('location') ?? ''
  return URL.canParse(url) && url.length <= 2_048 ? url : fail('it names no place for what it made')
}

function fail(why: string, cause?: unknown): never {
  throw new CloisterError('bad-answer', `The certificate authority can't be used: ${why}.`, { cause })
}
