import { hash } from 'node:crypto'
import { CloisterError, GrowingPause, messageOf } from '@cloister/core'
import { AwsClient } from 'aws4fetch'
import type { AwsSettings } from './aws-settings.ts'
import type { SnapshotStore, StoredObject } from './store.ts'

const TRIES = 5
/** Milliseconds for one request, over a slow line. */
const REQUEST_MS = 120_000
/** Bytes of an answer to a listing, or of an error. */
const MAX_TEXT_BYTES = 8 * 1024 * 1024

/**
 * Snapshots in a bucket of storage that speaks Amazon's S3 (Amazon S3 API Reference: GetObject, PutObject,
 * DeleteObject, ListObjectsV2; requests signed by Signature Version 4, bodies included).
 */
export class S3Store implements SnapshotStore {
  readonly place: string
  private readonly client: AwsClient
  /** URL of the bucket, with a slash at its end. */
  private readonly bucket: string
  /** Before every name; empty, or with a slash at its end. */
  private readonly prefix: string

  /** @param place `s3://BUCKET/PREFIX`. Throws `bad-option` for one that is none. */
  constructor(place: string, { endpoint, region, ...credentials }: AwsSettings) {
    const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,62})(?:\/(.*?))?\/*$/.exec(place)
    const [, bucket, prefix = ''] = match ?? []
    if (bucket === undefined || !/^[\w!.*'()/-]*$/.test(prefix))
      throw new CloisterError('bad-option', `${place} names no bucket.`, {
        hint: 'Write s3://BUCKET, or s3://BUCKET/PREFIX.',
      })
    this.place = place
    this.prefix = prefix === '' ? '' : `${prefix}/`
    this.bucket = endpoint
      ? `${endpoint.replace(/\/$/, '')}/${bucket}/`
      : `https://${bucket}.s3.${region}.amazonaws.com/`
    const { accessKeyId, secretAccessKey, sessionToken } = credentials
    this.client = new AwsClient({
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== undefined && { sessionToken }),
      service: 's3',
      region,
      retries: 0,
    })
  }

  async list(folder: string): Promise<StoredObject[]> {
    const found: StoredObject[] = []
    let next: string | undefined
    do {
      const query = new URLSearchParams({
        'list-type': '2',
        prefix: `${this.prefix}${folder}/`,
        ...(next !== undefined && { 'continuation-token': next }),
      })
      const { text } = await this.ask('GET', `?${query}`)
      for (const [, item = ''] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        const key = textIn(item, 'Key')
        found.push({
          name: key.slice(this.prefix.length),
          bytes: Number(textIn(item, 'Size')),
          modifiedAt: Date.parse(textIn(item, 'LastModified')),
        })
      }
      const more = textIn(text, 'IsTruncated') === 'true'
      const token = unescaped(textIn(text, 'NextContinuationToken'))
      if (more && (token === '' || token === next)) throw this.strange('its list does not go on')
      next = more ? token : undefined
    } while (next !== undefined)
    return found
  }

  async read(name: string, part?: { offset: number; bytes: number }): Promise<Buffer | undefined> {
    const range = part && { range: `bytes=${part.offset}-${part.offset + part.bytes - 1}` }
    const { status, bytes } = await this.ask('GET', this.prefix + name, { headers: range })
    return status === 404 ? undefined : bytes
  }

  async write(name: string, body: Uint8Array): Promise<void> {
    await this.ask('PUT', this.prefix + name, { body })
  }

  async remove(name: string): Promise<void> {
    await this.ask('DELETE', this.prefix + name)
  }

  /** One request; again where it may come to something. 404 is an answer, if it is about an object. */
  private async ask(
    method: string,
    path: string,
    { headers = {}, body }: { headers?: Record<string, string> | undefined; body?: Uint8Array } = {},
  ): Promise<{ status: number; bytes: Buffer; text: string }> {
    const pauses = new GrowingPause({ firstMs: 200, longestMs: 5_000 })
    for (let tries = 1; ; tries++) {
      try {
        const response = await this.client.fetch(this.bucket + path, {
          method,
          headers: { ...headers, 'x-amz-content-sha256': hash('sha256', body ?? '') },
          ...(body && { body: body as Uint8Array<ArrayBuffer> }),
          redirect: 'error',
          signal: AbortSignal.timeout(REQUEST_MS),
        })
        const bytes = Buffer.from(await response.arrayBuffer())
        const { status } = response
        const text = bytes.length <= MAX_TEXT_BYTES && !response.ok ? bytes.toString() : ''
        if (response.ok) return { status, bytes, text: path.startsWith('?') ? bytes.toString() : '' }
        if (status === 404 && textIn(text, 'Code') !== 'NoSuchBucket' && !path.startsWith('?'))
          return { status, bytes, text }
        if (status < 500 && status !== 429) throw this.refusal(status, text)
        throw this.strange(`it answers with ${status}`)
      } catch (error) {
        const isRefused = error instanceof CloisterError && error.code !== 'unreachable'
        if (isRefused || tries >= TRIES)
          throw error instanceof CloisterError ? error : this.strange(messageOf(error), error)
        await pauses.wait()
      }
    }
  }

  private refusal(status: number, text: string): CloisterError {
    const code = textIn(text, 'Code') || String(status)
    const message = unescaped(textIn(text, 'Message'))
    return new CloisterError(
      status === 404 ? 'not-found' : 'forbidden',
      `The storage at ${this.place} refuses: ${code}${message === '' ? '' : ` (${message.slice(0, 200)})`}.`,
      { hint: 'Look at the bucket, its region (AWS_REGION), and the rights of the key that asks.' },
    )
  }

  private strange(why: string, cause?: unknown): CloisterError {
    return new CloisterError('unreachable', `The storage at ${this.place} does not answer: ${why}.`, {
      ...(cause !== undefined && { cause }),
    })
  }
}

/** Text of the first element of a name; empty where there is none. */
function textIn(xml: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? ''
}

function unescaped(text: string): string {
  const NAMES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
  return text.replace(/&(lt|gt|amp|quot|apos);/g, (_, name: string) => NAMES[name] ?? '')
}
