import { CloisterError, GrowingPause, VOLUME_BLOCK_BYTES, type VolumeSummary } from '@cloister/core'
import { bytesToHex, type Hex } from 'viem'
import type { WorkerClient } from './client.ts'
import { BlockSender, beginStaging, finishStaging, readVolume } from './volumes.ts'

/** Milliseconds without anything that arrives, after which a worker is given up. */
const SILENCE_MS = 120_000
/** Errors after which it is begun anew; what has come is not sent again. */
const RESUMABLE = new Set([
  'unreachable',
  'chain-unreachable',
  'internal',
  'bad-answer',
  'unauthorized',
  'repeated',
  'too-busy',
  'too-many',
])

/** A lease, and its worker as its tenant asks it. */
export interface LeaseOnWorker {
  client: WorkerClient
  lease: Hex
}

/** What was copied of a volume. */
export interface CopiedVolume {
  volume: string
  /** Bytes that had to be sent. */
  sentBytes: number
  summary: VolumeSummary
}

/**
 * Tries again after what may be over in a moment, until nothing has moved for two minutes. `moved` is when
 * something did last, Unix milliseconds.
 */
export async function insist<T>(attempt: () => Promise<T>, moved: () => number): Promise<T> {
  const begun = Date.now()
  const pauses = new GrowingPause({ firstMs: 200, longestMs: 5_000 })
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      const code = error instanceof CloisterError ? error.code : ''
      if (!RESUMABLE.has(code) || Date.now() - Math.max(begun, moved()) > SILENCE_MS) throw error
      await pauses.wait()
    }
  }
}

/**
 * Stages a volume of one lease for another that doesn't have it yet; sends what is lacking there. `tell` is
 * given the bytes that were read so far, and those that were sent. Throws `exists`, `too-large`,
 * `read-failed`, and what a worker says once nothing has moved for two minutes.
 */
export function copyVolume(
  from: LeaseOnWorker,
  to: LeaseOnWorker,
  volume: string,
  {
    tell = () => {},
    signal = new AbortController().signal,
  }: { tell?: (read: number, sent: number) => void; signal?: AbortSignal } = {},
): Promise<CopiedVolume> {
  let movedAt = 0
  let sentBefore = 0
  const attempt = async (): Promise<CopiedVolume> => {
    const { ticket, blocks } = await beginStaging(to.client, to.lease, volume)
    const sender = new BlockSender(to.client, to.lease, volume, ticket)
    const inventory: Uint8Array[] = []
    let summary: VolumeSummary | undefined
    try {
      for await (const part of readVolume(from.client, from.lease, volume, { known: blocks, signal })) {
        movedAt = Date.now()
        if (part.type === 'block') await sender.add(part.digest, part.bytes)
        else if (part.type === 'inventory') inventory.push(part.bytes.slice())
        else if (part.type === 'end') summary = part.summary
        if (part.type === 'progress') tell(part.bytes, sentBefore + sender.sentBytes)
      }
      const digests: string[] = []
      for (const { digest, bytes } of await blocksOf(inventory)) {
        digests.push(digest)
        await sender.add(digest, bytes)
      }
      await sender.finish()
      await finishStaging(to.client, to.lease, volume, digests)
    } finally {
      sentBefore += sender.sentBytes
    }
    if (!summary) throw new CloisterError('bad-answer', 'The worker did not say that it read the volume.')
    return { volume, sentBytes: sentBefore, summary }
  }
  return insist(attempt, () => movedAt)
}

/** An inventory in blocks, each with its digest in hexadecimal. */
export async function blocksOf(
  pieces: readonly Uint8Array[],
): Promise<{ digest: string; bytes: Uint8Array<ArrayBuffer> }[]> {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  const blocks: { digest: string; bytes: Uint8Array<ArrayBuffer> }[] = []
  for (let start = 0; start < whole.length; start += VOLUME_BLOCK_BYTES) {
    const bytes = whole.subarray(start, start + VOLUME_BLOCK_BYTES)
    const digest = bytesToHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))).slice(2)
    blocks.push({ digest, bytes })
  }
  return blocks
}
