import type { Readable } from 'node:stream'
import { FRAME, readFrames, VOLUME_BLOCK_BYTES, type VolumeSummary } from '@cloister/core'
import type { ReadVolumeOptions } from './read.ts'
import { StagedBlocks } from './staged-blocks.ts'

/** What was read of a volume, for tests. */
export interface Taken {
  /** Bytes of blocks that came. */
  bytes: number
  inventory: string
  summary: VolumeSummary | undefined
}

/**
 * Reads a volume and stages it in a folder, as a tenant that moves it does; only what is lacking there comes.
 */
export async function stageVolume(
  read: (options: ReadVolumeOptions) => Promise<void>,
  folder: string,
): Promise<Taken> {
  const staged = await StagedBlocks.open(folder)
  const taken: Taken = { bytes: 0, inventory: '', summary: undefined }
  let reading: Promise<void> = Promise.resolve()
  const output = (frames: Readable) => {
    reading = take(frames)
    reading.catch(() => {})
  }
  const take = async (frames: Readable) => {
    for await (const { kind, payload } of readFrames(frames)) {
      if (kind === FRAME.inventory) taken.inventory += Buffer.from(payload).toString()
      if (kind === FRAME.end) taken.summary = JSON.parse(Buffer.from(payload).toString())
      if (kind !== FRAME.block) continue
      const bytes = Buffer.from(payload.subarray(32))
      taken.bytes += bytes.length
      await staged.add([{ digest: Buffer.from(payload.subarray(0, 32)).toString('hex'), bytes }])
    }
  }
  await read({ known: staged.digests(), output })
  await reading
  await staged.finish(await addInventory(staged, taken.inventory))
  return taken
}

async function addInventory(staged: StagedBlocks, text: string): Promise<string[]> {
  const bytes = Buffer.from(text)
  const digests: string[] = []
  for (let at = 0; at < bytes.length; at += VOLUME_BLOCK_BYTES) {
    const block = bytes.subarray(at, at + VOLUME_BLOCK_BYTES)
    const digest = await digestOf(block)
    digests.push(digest)
    await staged.add([{ digest, bytes: block }])
  }
  return digests
}

async function digestOf(bytes: Buffer): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))).toString('hex')
}
