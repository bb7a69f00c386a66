import { mkdirSync, rmSync } from 'node:fs'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { type HeldImage, heldImage, Part } from './held.ts'

/** Bytes that images may take; what was used least lately goes. */
const MOST_BYTES = 20 * 1024 ** 3

const Kept = z.object({
  digest: z.string(),
  parts: z.array(
    z.object({
      digest: z.string(),
      bytes: z.int(),
      offset: z.int().optional(),
      content: z.base64().optional(),
    }),
  ),
})

/** Images that were built or exported on this machine, by what went into them. */
export class ImageCache {
  readonly folder: string

  constructor(folder = defaultFolder()) {
    this.folder = folder
  }

  /** The image of a key; undefined where it isn't kept. */
  async find(key: string): Promise<HeldImage | undefined> {
    const record = join(this.folder, `${key}.json`)
    const text = await readFile(record, 'utf8').catch(() => undefined)
    const file = join(this.folder, `${key}.tar`)
    if (text === undefined || !(await stat(file).catch(() => undefined))) return undefined
    const kept = Kept.safeParse(JSON.parse(text))
    if (!kept.success) return undefined
    const now = new Date()
    await utimes(record, now, now).catch(() => {})
    const { digest, parts } = kept.data
    return heldImage(
      digest,
      parts.map(
        (part) =>
          new Part(
            part.digest,
            part.bytes,
            part.content === undefined
              ? { file, offset: part.offset ?? 0 }
              : { content: Buffer.from(part.content, 'base64') },
          ),
      ),
    )
  }

  /** Keeps an image that was read from one archive, which moves into the cache. */
  async keep(key: string, archive: string, image: HeldImage): Promise<HeldImage> {
    const file = join(this.folder, `${key}.tar`)
    const parts = image.contents.map((content) => {
      const { digest, bytes } = content
      if (!(content instanceof Part)) throw new Error('a part of an image lies nowhere')
      return 'content' in content.place
        ? { digest, bytes, content: Buffer.from(content.place.content).toString('base64') }
        : { digest, bytes, offset: content.place.offset }
    })
    await chmod(archive, 0o600)
    await rename(archive, file)
    const record = join(this.folder, `${key}.json`)
    await writeFile(`${record}.new`, JSON.stringify({ digest: image.digest, parts }), { mode: 0o600 })
    await rename(`${record}.new`, record)
    await this.prune(key)
    return (await this.find(key)) ?? image
  }

  /**
   * Does something with a folder of its own, which is gone afterwards, also where the program is told to end.
   */
  async work<T>(task: (folder: string) => Promise<T>): Promise<T> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    const folder = await mkdtemp(join(this.folder, 'work-'))
    const clear = () => rmSync(folder, { recursive: true, force: true })
    const end = (signal: NodeJS.Signals) => {
      clear()
      process.removeListener('SIGINT', end).removeListener('SIGTERM', end)
      process.kill(process.pid, signal)
    }
    process.once('exit', clear).on('SIGINT', end).on('SIGTERM', end)
    try {
      return await task(folder)
    } finally {
      process.removeListener('exit', clear).removeListener('SIGINT', end).removeListener('SIGTERM', end)
      clear()
    }
  }

  private async prune(own: string): Promise<void> {
    const kept: { key: string; bytes: number; usedAt: number }[] = []
    for (const name of await readdir(this.folder)) {
      if (!name.endsWith('.json')) continue
      const key = name.slice(0, -5)
      const record = await stat(join(this.folder, name)).catch(() => undefined)
      const archive = await stat(join(this.folder, `${key}.tar`)).catch(() => undefined)
      if (record) kept.push({ key, bytes: archive?.size ?? 0, usedAt: record.mtimeMs })
    }
    let total = kept.reduce((sum, { bytes }) => sum + bytes, 0)
    for (const { key, bytes } of kept.sort((a, b) => a.usedAt - b.usedAt)) {
      if (total <= MOST_BYTES) return
      if (key === own) continue
      for (const name of [`${key}.json`, `${key}.tar`]) await rm(join(this.folder, name), { force: true })
      total -= bytes
    }
  }
}

function defaultFolder(): string {
  const { CLOISTER_CACHE: own, XDG_CACHE_HOME: cache } = process.env
  const folder = own ?? join(cache || join(homedir(), '.cache'), 'cloister')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return join(folder, 'images')
}
