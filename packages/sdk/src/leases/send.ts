import type { WorkerClient } from '@cloister/client'
import {
  CHUNK_BYTES,
  CloisterError,
  GrowingPause,
  type Manifest,
  type SendReport,
  type SentContent,
  sentParts,
} from '@cloister/core'
import type { Hex } from 'viem'

/** How far the sending is, in bytes of what the worker lacked. */
export interface SendProgress {
  bytes: number
  total: number
}

const MIB = 1024 * 1024
/** Blobs that are sent at one time. */
const MAX_AT_ONCE = 3
/** Milliseconds without anything that arrives, after which a worker is given up. */
const SILENCE_MS = 120_000
/** The same for one that says it is busy with what has arrived: a large layer is checked as a whole. */
const BUSY_MS = 600_000
/**
 * Times that everything may arrive before a worker is given up that asks for it again and again. Once is what
 * it takes; what a worker has lost meanwhile is sent anew.
 */
const MOST_TIMES = 4
/** Errors after which the worker is asked where to go on. */
const RESUMABLE = new Set([
  'unreachable',
  'chain-unreachable',
  'internal',
  'bad-answer',
  'stale',
  'unauthorized',
  'repeated',
  'too-busy',
  'too-many',
])

/**
 * Throws `not-sent` naming the first blob or image that a manifest takes and `contents` lacks.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * leases.checkContents(manifest, [])
 * ```
 */
export function checkContents(manifest: Manifest, contents: readonly SentContent[]): void {
  const given = new Map(contents.map(({ digest, bytes }) => [digest, bytes]))
  const { images, blobs } = sentParts(manifest)
  const image = images.find((digest) => !given.has(digest))
  if (image !== undefined)
    throw new CloisterError('not-sent', `The manifest takes the image ${image}, which nobody gives.`)
  const blob = blobs.find(({ digest, bytes }) => given.get(digest) !== bytes)
  if (blob) throw new CloisterError('not-sent', `The manifest takes ${blob.digest}, which nobody gives.`)
}

/**
 * Sends a worker what it lacks of `contents`, each named by its digest; what was begun before goes on where
 * it stopped. Throws `bad-file` where something changed meanwhile, `too-large` where it is more than the
 * lease has disk, and what the worker says once nothing has arrived for two minutes, or ten where it is
 * busy with what has.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { lease } = await leases.findLease(cloister, 'my-app')
 * const { asTenant } = await leases.openSession(cloister, lease)
 * await leases.sendContents(asTenant, lease, [], ({ bytes, total }) => console.log(bytes, total))
 * ```
 */
export async function sendContents(
  client: WorkerClient,
  lease: Hex,
  contents: readonly SentContent[],
  tell: (progress: SendProgress) => void = () => {},
): Promise<void> {
  const byDigest = new Map(contents.map((content) => [content.digest, content]))
  const blobs = [...byDigest.values()].map(({ digest, bytes }) => ({ digest, bytes }))
  if (blobs.length === 0) return
  const pauses = new GrowingPause({ firstMs: 100, longestMs: 5_000 })
  const progress = new Progress(tell)
  for (let times = 0; times <= MOST_TIMES; ) {
    try {
      const report = await client.announce(lease, blobs)
      if (report.lacking.length === 0) return
      if (times === MOST_TIMES) break
      progress.begin(report, byDigest)
      await sendAll(client, lease, report, byDigest, progress)
      times++
    } catch (error) {
      const code = error instanceof CloisterError ? error.code : ''
      const patienceMs = code === 'too-busy' ? BUSY_MS : SILENCE_MS
      if (!RESUMABLE.has(code) || progress.silentMs > patienceMs) throw error
      await pauses.wait()
    }
  }
  throw new CloisterError('bad-answer', 'The worker asks again and again for what it was sent.', {
    hint: 'Close the lease, and deploy on another worker.',
  })
}

/** `sending 12 of 80 MiB`. */
export function sayProgress({ bytes, total }: SendProgress): string {
  const [unit, name] = total < MIB ? [1024, 'KiB'] : [MIB, 'MiB']
  return `sending ${Math.floor(bytes / unit)} of ${Math.ceil(total / unit)} ${name}`
}

/** Bytes that have arrived, over all attempts. */
class Progress {
  private readonly tell: (progress: SendProgress) => void
  private total: number | undefined
  private left = 0
  private heardAt = Date.now()
  /** How far each content ever came, by digest. */
  private readonly furthest = new Map<string, number>()

  constructor(tell: (progress: SendProgress) => void) {
    this.tell = tell
  }

  get silentMs(): number {
    return Date.now() - this.heardAt
  }

  begin({ lacking }: SendReport, contents: ReadonlyMap<string, SentContent>): void {
    this.left = lacking.reduce(
      (sum, { digest, received }) => sum + (contents.get(digest)?.bytes ?? 0) - received,
      0,
    )
    this.total ??= this.left
    this.say()
  }

  /** `bytes` of a content, up to `end`. What has come before and comes again is no progress. */
  arrived(digest: string, bytes: number, end: number): void {
    this.left -= bytes
    if (end > (this.furthest.get(digest) ?? -1)) {
      this.furthest.set(digest, end)
      this.heardAt = Date.now()
    }
    this.say()
  }

  private say(): void {
    const total = this.total ?? 0
    this.tell({ bytes: Math.max(0, total - this.left), total })
  }
}

async function sendAll(
  client: WorkerClient,
  lease: Hex,
  { ticket, lacking }: SendReport,
  contents: ReadonlyMap<string, SentContent>,
  progress: Progress,
): Promise<void> {
  const pending = [...new Map(lacking.map((one) => [one.digest, one])).values()]
  let failed = false
  const work = async () => {
    for (let next = pending.shift(); next && !failed; next = pending.shift()) {
      const content = contents.get(next.digest)
      if (!content)
        throw new CloisterError('bad-request', `The worker asks for ${next.digest}, which nobody offered.`)
      let offset = Math.min(next.received, content.bytes)
      for await (const part of oneAhead(partsOf(content, offset))) {
        if (failed) return
        const { received } = await client.sendPart(lease, content.digest, { ticket, offset }, part)
        offset += part.length
        progress.arrived(content.digest, part.length, offset)
        if (received !== offset)
          throw new CloisterError('stale', `The worker has ${received} bytes, and was sent ${offset}.`)
      }
    }
  }
  // All have ended before the worker is asked anew, so that no part comes late.
  const outcomes = await Promise.allSettled(
    Array.from({ length: MAX_AT_ONCE }, () =>
      work().catch((error) => {
        failed = true
        throw error
      }),
    ),
  )
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

/** Reads the next of them while one is sent. */
async function* oneAhead<T>(all: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = all.next()
  try {
    for (;;) {
      const { done, value } = await next
      if (done) return
      next = all.next()
      // Where it fails, that is told when its turn comes.
      next.catch(() => {})
      yield value
    }
  } finally {
    await all.return(undefined)
  }
}

/**
 * A content from `from` on, in parts as large as may be; one empty part where nothing is left, since its end
 * has to be told. Throws `bad-file` where there is more or less of it than it says.
 */
async function* partsOf(content: SentContent, from: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { digest, bytes } = content
  if (from >= bytes) return yield new Uint8Array()
  let part = new Uint8Array(Math.min(CHUNK_BYTES, bytes - from))
  let filled = 0
  let given = from
  const changed = () => new CloisterError('bad-file', `${digest} has changed since it was read.`)
  for await (const chunk of content.open(from))
    for (let taken = 0; taken < chunk.length; ) {
      if (part.length === 0) throw changed()
      const piece = chunk.subarray(taken, taken + part.length - filled)
      part.set(piece, filled)
      filled += piece.length
      taken += piece.length
      if (filled < part.length) continue
      yield part
      given += filled
      filled = 0
      part = new Uint8Array(Math.min(CHUNK_BYTES, bytes - given))
    }
  if (given < bytes) throw changed()
}
