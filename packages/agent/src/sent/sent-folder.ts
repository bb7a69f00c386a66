import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Address } from 'viem'

/** A blob that is here, or a part of one. */
export interface KeptBlob {
  digest: string
  path: string
  bytes: number
  /** Unix milliseconds when it was last asked for or added to. */
  usedAt: number
}

/**
 * What one tenant has sent, as a layout folder (OCI image layout): nobody else's images or files can be had
 * by naming their digests. Whatever is in `blobs` was checked; what is still coming lies in `parts`.
 */
export class SentFolder {
  readonly path: string

  constructor(root: string, tenant: Address) {
    this.path = join(root, tenant)
  }

  fileOf(digest: string): string {
    return join(this.path, 'blobs', 'sha256', digest.slice(7))
  }

  partOf(digest: string): string {
    return join(this.path, 'parts', digest.slice(7))
  }

  async make(): Promise<void> {
    for (const below of ['blobs/sha256', 'parts'])
      await mkdir(join(this.path, below), { recursive: true, mode: 0o700 })
  }

  /** Bytes of a blob that are here, checked or not; undefined where nothing is. */
  async received(digest: string): Promise<{ bytes: number; isWhole: boolean } | undefined> {
    const whole = await stat(this.fileOf(digest)).catch(() => undefined)
    if (whole) return { bytes: whole.size, isWhole: true }
    const part = await stat(this.partOf(digest)).catch(() => undefined)
    return part && { bytes: part.size, isWhole: false }
  }

  /** All that is here whole. */
  kept(): Promise<KeptBlob[]> {
    return filesIn(join(this.path, 'blobs', 'sha256'))
  }

  /** What has begun to come. */
  parts(): Promise<KeptBlob[]> {
    return filesIn(join(this.path, 'parts'))
  }
}

async function filesIn(folder: string): Promise<KeptBlob[]> {
  const found: KeptBlob[] = []
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name)
    const there = await stat(path).catch(() => undefined)
    if (there) found.push({ digest: `sha256:${name}`, path, bytes: there.size, usedAt: there.mtimeMs })
  }
  return found
}
