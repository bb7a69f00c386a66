import { createHash } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { isInternalAddress } from '@cloister/core'
import type { RegistryCredentials } from '../executor.ts'
import type { Reference } from './reference.ts'
import { checkDigest, type Descriptor, type ImageSource, MAX_DOCUMENT_BYTES, unavailable } from './source.ts'

const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')
const TIMEOUT_MS = 30_000
const MAX_REDIRECTS = 5

/**
 * Reads one repository of a registry (OCI distribution specification 1.1, "Pull"). A tenant names the host, so hosts
 * with internal addresses are refused unless the provider lists them in `trustedHosts`; those may speak plain HTTP.
 */
export class RegistrySource implements ImageSource {
  private readonly reference: Reference
  private readonly credentials: RegistryCredentials | undefined
  private readonly trustedHosts: readonly string[]
  private authorization: string | undefined

  constructor(reference: Reference, credentials: RegistryCredentials | undefined, trustedHosts: readonly string[]) {
    this.reference = reference
    this.credentials = credentials && hostOf(credentials.host) === reference.host ? credentials : undefined
    this.trustedHosts = trustedHosts
  }

  async document(reference: string): Promise<{ bytes: Buffer; digest: string }> {
    const response = await this.get(`manifests/${reference}`, ACCEPT)
    const bytes = await readBounded(response)
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    if (reference.startsWith('sha256:')) checkDigest(bytes, reference)
    return { bytes, digest }
  }

  async blob(descriptor: Descriptor): Promise<Readable> {
    const response = await this.get(`blobs/${descriptor.digest}`, '*/*')
    if (!response.body) throw unavailable('the registry sent nothing')
    return Readable.fromWeb(response.body as ReadableStream)
  }

  private async get(path: string, accept: string): Promise<Response> {
    const { host, repository } = this.reference
    const scheme = this.trustedHosts.includes(host) ? 'http' : 'https'
    const url = new URL(`${scheme}://${host}/v2/${repository}/${path}`)
    let response = await this.fetch(url, accept, this.authorization)
    if (response.status === 401) {
      this.authorization = await this.authorize(response.headers.get('www-authenticate') ?? '')
      response = await this.fetch(url, accept, this.authorization)
    }
    if (response.ok) return response
    await response.body?.cancel()
    if (response.status === 404) throw unavailable(`${host} has no ${repository} ${path}`)
    if (response.status === 401 || response.status === 403) throw unavailable(`${host} does not let us read ${repository}`)
    throw unavailable(`${host} answers ${response.status}`)
  }

  /** Follows redirects itself: authorization goes to the registry only, and each hop is checked. */
  private async fetch(first: URL, accept: string, authorization: string | undefined): Promise<Response> {
    let url = first
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      await this.checkHost(url)
      const headers: Record<string, string> = { accept }
      if (authorization && url.host === first.host) headers['authorization'] = authorization
      let response: Response
      try {
        response = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) })
      } catch (cause) {
        throw unavailable(`${url.host} does not answer`, cause)
      }
      const location = response.headers.get('location')
      if (response.status < 300 || response.status > 399 || !location) return response
      await response.body?.cancel()
      url = new URL(location, url)
    }
    throw unavailable('the registry redirects too often')
  }

  private async authorize(challenge: string): Promise<string> {
    const basic = this.credentials && `Basic ${Buffer.from(`${this.credentials.username}:${this.credentials.password}`).toString('base64')}`
    if (/^basic/i.test(challenge)) {
      if (!basic) throw unavailable(`${this.reference.host} asks for a name and password`)
      return basic
    }
    const parts = Object.fromEntries([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1], m[2]]))
    if (!/^bearer/i.test(challenge) || !parts['realm'] || !URL.canParse(parts['realm']))
      throw unavailable('the registry asks for an unknown kind of authorization')
    const realm = new URL(parts['realm'])
    if (parts['service']) realm.searchParams.set('service', parts['service'])
    realm.searchParams.set('scope', `repository:${this.reference.repository}:pull`)
    const response = await this.fetch(realm, 'application/json', basic)
    const body: unknown = response.ok ? JSON.parse((await readBounded(response)).toString('utf8')) : undefined
    const { token, access_token: accessToken } = (body ?? {}) as { token?: unknown; access_token?: unknown }
    const bearer = token ?? accessToken
    if (typeof bearer !== 'string') throw unavailable(`${this.reference.host} does not let us read ${this.reference.repository}`)
    return `Bearer ${bearer}`
  }

  private async checkHost(url: URL): Promise<void> {
    if (this.trustedHosts.includes(url.host)) return
    if (url.protocol !== 'https:') throw unavailable(`${url.host} is not reached by https`)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const addresses = isIP(host) ? [{ address: host }] : await lookup(host, { all: true }).catch(() => [])
    if (addresses.length === 0) throw unavailable(`the name ${host} is unknown`)
    for (const { address } of addresses) if (isInternalAddress(address)) throw unavailable(`${host} is an internal address of the worker`)
  }
}

function hostOf(host: string): string {
  return host === 'docker.io' || host === 'index.docker.io' || host === 'https://index.docker.io/v1/'
    ? 'registry-1.docker.io'
    : host.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
}

async function readBounded(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_DOCUMENT_BYTES) throw unavailable('the registry sends too large a document')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
