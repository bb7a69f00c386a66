import * as z from 'zod'
import { CloisterError } from '../errors/error.ts'
import { VOLUME_BLOCK_BYTES } from './volumes.ts'

/** Characters of a line: a path and a link's target, escaped, or digests of blocks. */
const MAX_LINE = 64 * 1024
const MAX_PATH = 4_096
/** Blocks that one line names. */
const BLOCKS_A_LINE = 256
const MAX_ID = 2 ** 32 - 2

/**
 * A file, folder or link of a volume. Names hold one character for each byte, owners are those that the
 * lease's containers see.
 */
export const VolumeItem = z.strictObject({
  type: z.enum(['file', 'hard-link', 'link', 'folder']),
  /** From the volume on; empty for its own folder. */
  path: z.string().max(MAX_PATH),
  /** Of a link. */
  target: z.string().max(MAX_PATH),
  mode: z.int().min(0).max(0o7777),
  uid: z.int().min(0).max(MAX_ID),
  gid: z.int().min(0).max(MAX_ID),
  /** Seconds since 1970. */
  modified: z.number(),
  /** Bytes of a file. */
  size: z.int().min(0),
})
export type VolumeItem = z.infer<typeof VolumeItem>

/** A block of a file by its digest, or so many blocks without anything but zeros. */
export type BlockRef = string | number

const Blocks = z
  .array(z.union([z.string().regex(/^[0-9a-f]{64}$/), z.int().min(1)]))
  .min(1)
  .max(BLOCKS_A_LINE)

/** A line of an inventory: an item, or the next blocks of the file before. */
export type InventoryLine = { item: VolumeItem } | { blocks: BlockRef[] }

/** How many blocks a file has. */
export function blockCount(size: number): number {
  return Math.ceil(size / VOLUME_BLOCK_BYTES)
}

export function encodeItem(item: VolumeItem): string {
  return `${JSON.stringify(item)}\n`
}

/** Lines that name the blocks of the file before. */
export function encodeBlocks(blocks: readonly BlockRef[]): string {
  let text = ''
  for (let at = 0; at < blocks.length; at += BLOCKS_A_LINE)
    text += `${JSON.stringify(blocks.slice(at, at + BLOCKS_A_LINE))}\n`
  return text
}

/**
 * Lines of an inventory, which is never held whole. Each file is followed by as many blocks as it has. Throws
 * `bad-file` where it is something else.
 */
export async function* readInventory(source: AsyncIterable<Uint8Array>): AsyncGenerator<InventoryLine> {
  let owed = 0
  for await (const text of linesOf(source)) {
    const line = parseLine(text)
    if ('item' in line) {
      if (owed > 0) throw malformed('a file has too few blocks')
      owed = line.item.type === 'file' ? blockCount(line.item.size) : 0
    } else {
      for (const block of line.blocks) owed -= typeof block === 'number' ? block : 1
      if (owed < 0) throw malformed('a file has too many blocks')
    }
    yield line
  }
  if (owed > 0) throw malformed('a file has too few blocks')
}

function parseLine(text: string): InventoryLine {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw malformed('a line is no JSON')
  }
  if (Array.isArray(json)) {
    const { data } = Blocks.safeParse(json)
    if (data) return { blocks: data }
  } else {
    const { data } = VolumeItem.safeParse(json)
    if (data) return { item: data }
  }
  throw malformed('a line has another shape')
}

async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let held = ''
  for await (const chunk of source) {
    held += decoder.decode(chunk, { stream: true })
    const lines = held.split('\n')
    held = lines.pop() ?? ''
    if (held.length > MAX_LINE || lines.some((line) => line.length > MAX_LINE))
      throw malformed('a line is too long')
    yield* lines
  }
  if (held !== '') throw malformed('it is cut short')
}

function malformed(why: string): CloisterError {
  return new CloisterError('bad-file', `It is no inventory of a volume: ${why}.`)
}
