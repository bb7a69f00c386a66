import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { CloisterError, type ImageReference, messageOf, registryHostOf } from '@cloister/core'
import {
  checkDigest,
  type Descriptor,
  type ImageSource,
  inTime,
  MAX_DOCUMENT_BYTES,
  unavailable,
} from '@cloister/images'
import { CheckedFetch, readBody } from '@cloister/transport'
import type { RegistryCredentials } from '../executor.ts'
import { isInsecure, isTrusted } from './trust.ts'

const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')
/**
 * How long a registry may be silent: before an answer begins, and within one. How long a whole answer takes
 * does not matter.
 */
const SILENCE_MS = 30_000
const MAX_REDIRECTS = 5
/** How long a registry may take to give a token, however it drips. */
const LOGIN_MS = 60_000

/**
 * Reads one repository of a registry (OCI distribution specification 1.1, "Pull"). A tenant names the host,
 * and the registry names others, so everything goes through the checked dialler: internal addresses are
 * refused unless the provider trusts the host. See `ImageSettings.trustedRegistries`.
 */
export class RegistrySource implements ImageSource {
  private readonly reference: ImageReference
  private readonly credentials: RegistryCredentials | undefined
  private readonly trustedHosts: readonly string[]
  private readonly silenceMs: number
  private readonly checked: CheckedFetch
  private authorization: string | undefined

  constructor(
    reference: ImageReference,
    credentials: RegistryCredentials | undefined,
    trustedHosts: readonly string[],
    silenceMs: number = SILENCE_MS,
  ) {
    this.reference = reference
    this.credentials =
      credentials && registryHostOf(credentials.host) === reference.host ? credentials : undefined
    this.trustedHosts = trustedHosts
    this.silenceMs = silenceMs
    this.checked = new CheckedFetch((url) => ({ allowsInternal: isTrusted(url, trustedHosts) }))
  }

  async document(reference: string, signal?: AbortSignal): Promise<{ bytes: Buffer; digest: string }> {
    const response = await this.get(`manifests/${reference}`, { accept: ACCEPT }, signal)
    const bytes = await this.readBounded(response, signal)
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    if (reference.startsWith('sha256:')) checkDigest(bytes, reference)
    return { bytes, digest }
  }

  async blob(descriptor: Descriptor, from = 0, signal?: AbortSignal): Promise<Readable> {
    const headers = { accept: '*/*', ...(from > 0 && { range: `bytes=${from}-` }) }
    const response = await this.get(`blobs/${descriptor.digest}`, headers, signal)
    if (!response.body) throw unavailable('the registry sent nothing')
    const bytes = this.watch(response, signal)
    // A registry that does not know ranges begins at the beginning.
    return Readable.from(from > 0 && response.status !== 206 ? skip(bytes, from) : bytes)
  }

  close(): void {
    this.checked.close()
  }

  private async get(
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const { host, repository } = this.reference
    const url = new URL(
      `${isInsecure(host, this.trustedHosts) ? 'http' : 'https'}://${host}/v2/${repository}/${path}`,
    )
    let response = await this.follow(url, headers, this.authorization, signal)
    if (response.status === 401) {
      await response.body?.cancel()
      const challenge = response.headers.get('www-authenticate') ?? ''
      this.authorization = await inTime(LOGIN_MS, 'logging in takes too long', signal, (both) =>
        this.authorize(challenge, both),
      )
      response = await this.follow(url, headers, this.authorization, signal)
    }
    if (response.ok) return response
    const { status } = response
    await response.body?.cancel()
    throw this.refusal(status, path)
  }

  private refusal(status: number, path: string): CloisterError {
    const { host, repository } = this.reference
    const shownHost = host === 'registry-1.docker.io' ? 'Docker Hub' : host
    if (status === 404) {
      const [kind, wanted = ''] = path.split('/')
      const what = kind === 'manifests' && !wanted.startsWith('sha256:') ? `the tag ${wanted}` : wanted
      return unavailable(`${shownHost} has no ${repository} with ${what}`, { reason: 'not-found' })
    }
    if (status === 401 || status === 403)
      return this.credentials
        ? unavailable(`${shownHost} does not take the login that was given for ${repository}`, {
            reason: 'login-needed',
            hint: { do: 'log-in-to-registry' },
          })
        : unavailable(`${shownHost} asks for a login for ${repository}, which is private or does not exist`, {
            reason: 'login-needed',
            hint: { do: 'log-in-to-registry' },
          })
    if (status === 429)
      return unavailable(`${shownHost} limits how much is pulled from it (429)`, {
        reason: 'rate-limited',
        hint: 'Log in, which raises most limits, take it from another registry, or try again later.',
      })
    return unavailable(`${shownHost} answers ${status}`, { reason: 'unreachable' })
  }

  /** Follows redirects itself: authorization goes to the registry only, and each hop is checked. */
  private async follow(
    first: URL,
    sent: Record<string, string>,
    authorization: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    let url = first
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      if (url.protocol !== 'https:' && !isInsecure(url.host, this.trustedHosts))
        throw unavailable(`${url.host} is not reached by https`, { reason: 'forbidden' })
      const headers = { ...sent, ...(authorization && url.origin === first.origin && { authorization }) }
      const response = await this.ask(url, headers, signal)
      const location = response.headers.get('location')
      if (response.status < 300 || response.status > 399 || !location) return response
      await response.body?.cancel()
      if (!URL.canParse(location, url.href)) throw unavailable('the registry redirects to nowhere')
      url = new URL(location, url)
    }
    throw unavailable('the registry redirects too often')
  }

  private async ask(
    url: URL,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const silence = new AbortController()
    const timer = setTimeout(() => silence.abort(), this.silenceMs)
    try {
      return await this.checked.fetch(url, {
        headers,
        signal: signal ? AbortSignal.any([silence.signal, signal]) : silence.signal,
      })
    } catch (error) {
      throw explain(url.host, error)
    } finally {
      clearTimeout(timer)
    }
  }

  private async authorize(challenge: string, signal: AbortSignal): Promise<string> {
    const { host, repository } = this.reference
    const basic =
      this.credentials &&
      `Basic ${Buffer.from(`${this.credentials.username}:${this.credentials.password}`).toString('base64')}`
    if (/^basic/i.test(challenge)) {
      if (!basic) throw this.refusal(401, '')
      return basic
    }
    const parts = Object.fromEntries(
      [...challenge.slice(0, 4096).matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1], m[2]]),
    )
    if (!/^bearer/i.test(challenge) || !parts['realm'] || !URL.canParse(parts['realm']))
      throw unavailable(`${host} asks for an unknown kind of login`)
    const realm = new URL(parts['realm'])
    if (parts['service']) realm.searchParams.set('service', parts['service'])
    realm.searchParams.set('scope', `repository:${repository}:pull`)
    const response = await this.follow(realm, { accept: 'application/json' }, basic, signal)
    if (!response.ok) {
      await response.body?.cancel()
      throw this.refusal(response.status === 404 ? 401 : response.status, '')
    }
    const { token, access_token: accessToken } = readToken(await this.readBounded(response, signal))
    const bearer = token ?? accessToken
    if (typeof bearer !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(bearer)) throw this.refusal(401, '')
    return `Bearer ${bearer}`
  }

  private async readBounded(response: Response, signal: AbortSignal | undefined): Promise<Buffer> {
    try {
      return Buffer.from(await readBody(this.watch(response, signal), MAX_DOCUMENT_BYTES))
    } catch (error) {
      if (error instanceof CloisterError && error.code === 'too-large')
        throw unavailable('the registry sends too large a document')
      throw error
    }
  }

  /** An answer's bytes, which fail once there is silence or the signal comes. */
  private async *watch(response: Response, signal?: AbortSignal): AsyncGenerator<Buffer> {
    const stream = Readable.fromWeb(response.body as ReadableStream)
    const stop = () => stream.destroy(new Error('it is not wanted any more'))
    const silent = () =>
      stream.destroy(
        unavailable(`the registry has sent nothing for ${this.silenceMs / 1000} s`, {
          reason: 'unreachable',
        }),
      )
    let timer = setTimeout(silent, this.silenceMs)
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop, { once: true })
    try {
      for await (const chunk of stream) {
        clearTimeout(timer)
        yield chunk as Buffer
        timer = setTimeout(silent, this.silenceMs)
      }
    } catch (error) {
      throw explain(this.reference.host, error)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    }
  }
}

const CERTIFICATE = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|CERT_|ERR_TLS_CERT|CERTIFICATE/

/** Why a host can't be read from, in words for the tenant. */
function explain(host: string, error: unknown): CloisterError {
  const chain: Error[] = []
  for (let current = error; current instanceof Error && chain.length < 8; current = current.cause)
    chain.push(current)
  const ours = chain.find((one) => one instanceof CloisterError)
  if (ours?.code === 'image-unavailable') return ours
  if (ours?.code === 'forbidden-address')
    return unavailable(ours.message.replace(/\.$/, ''), { reason: 'forbidden', cause: error })
  const code = chain
    .map((one) => String((one as NodeJS.ErrnoException).code ?? ''))
    .find((one) => CERTIFICATE.test(one))
  if (code !== undefined) {
    const how = /SELF_SIGNED/.test(code)
      ? 'it is self-signed'
      : /EXPIRED/.test(code)
        ? 'it has expired'
        : /ALTNAME/.test(code)
          ? 'it is for another name'
          : 'its issuer is unknown'
    return unavailable(`the certificate of ${host} is not to be trusted: ${how}`, {
      reason: 'certificate',
      cause: error,
    })
  }
  const why = ours ? messageOf(ours).replace(/\.$/, '') : `${host} does not answer`
  return unavailable(why, { reason: 'unreachable', cause: error })
}

function readToken(bytes: Buffer): { token?: unknown; access_token?: unknown } {
  try {
    return (JSON.parse(bytes.toString('utf8')) ?? {}) as { token?: unknown; access_token?: unknown }
  } catch {
    return {}
  }
}

async function* skip(bytes: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count
  for await (const chunk of bytes) {
    if (chunk.length > left) yield chunk.subarray(left)
    left -= Math.min(left, chunk.length)
  }
}
