import { hash } from 'node:crypto'
import { CloisterError, GrowingPause, messageOf } from '@cloister/core'
import { readBody } from '@cloister/transport/web'
import { AwsClient } from 'aws4fetch'
import type { AwsSettings } from './aws-settings.ts'
import type { SnapshotStore, StoredObject } from './store.ts'

const TRIES = 5
/** Milliseconds for one request, over a slow line. */
const REQUEST_MS = 120_000
/** Bytes of an answer to a listing, or of an error. */
const MAX_TEXT_BYTES = 8 * 1024 * 1024
/** Of an object that is read whole: the index of many packs is the largest. */
const MAX_OBJECT_BYTES = 256 * 1024 * 1024
/** Pages of a list, of 1,000 objects each (ListObjectsV2, `MaxKeys`): packs of 32 TiB. */
const MOST_PAGES = 4_000
/** A name in a folder, as `SnapshotStore` has them. */
const NAME = /^[a-z]+\/[A-Za-z0-9][A-Za-z0-9.-]*$/

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
  private readonly mostPages: number

  /** @param place `s3://BUCKET/PREFIX`. Throws `bad-option` for one that is none. */
  constructor(place: string, { endpoint, region, ...credentials }: AwsSettings, mostPages = MOST_PAGES) {
    this.mostPages = mostPages
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
    let pages = 0
    do {
      const query = new URLSearchParams({
        'list-type': '2',
        prefix: `${this.prefix}${folder}/`,
        ...(next !== undefined && { 'continuation-token': next }),
      })
      const { text } = await this.ask('GET', `?${query}`)
      for (const item of itemsIn(text)) {
        const key = textIn(item, 'Key')
        const name = key.slice(this.prefix.length)
        // Others may keep something in the bucket; what is named otherwise is not asked for by that name.
        if (!key.startsWith(`${this.prefix}${folder}/`) || !NAME.test(name)) continue
        found.push({
          name,
          bytes: Number(textIn(item, 'Size')),
          modifiedAt: Date.parse(textIn(item, 'LastModified')),
        })
      }
      if (++pages > this.mostPages) throw this.strange('its list has no end')
      const more = textIn(text, 'IsTruncated') === 'true'
      const token = unescaped(textIn(text, 'NextContinuationToken'))
      if (more && (token === '' || token === next)) throw this.strange('its list does not go on')
      next = more ? token : undefined
    } while (next !== undefined)
    return found
  }

  async read(name: string, part?: { offset: number; bytes: number }): Promise<Buffer | undefined> {
    const range = part && { range: `bytes=${part.offset}-${part.offset + part.bytes - 1}` }
    const mostBytes = part?.bytes ?? MAX_OBJECT_BYTES
    const { status, bytes } = await this.ask('GET', this.prefix + name, { headers: range, mostBytes })
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
    { headers = {}, body, mostBytes = MAX_TEXT_BYTES }: Question = {},
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
        const most = response.ok ? mostBytes : MAX_TEXT_BYTES
        const bytes = Buffer.from(await readBody(response.body, most).catch(tooLong))
        const { status } = response
        const text = response.ok ? '' : bytes.toString()
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

/** What one request has beside its method and path. */
interface Question {
  headers?: Record<string, string> | undefined
  body?: Uint8Array
  /** Bytes that an answer may have which is no error. */
  mostBytes?: number
}

/** What comes is not what was asked for, so that asking again leads nowhere. */
function tooLong(error: unknown): never {
  if (!(error instanceof CloisterError)) throw error
  throw new CloisterError('bad-answer', 'The storage answers with more than was asked for.', { cause: error })
}

/** The entries of a list, each looked for where the one before ended. */
function* itemsIn(xml: string): Generator<string> {
  const [begin, end] = ['<Contents>', '</Contents>']
  for (let at = 0; ; ) {
    const from = xml.indexOf(begin, at)
    const to = from < 0 ? -1 : xml.indexOf(end, from)
    if (to < 0) return
    yield xml.slice(from + begin.length, to)
    at = to + end.length
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
