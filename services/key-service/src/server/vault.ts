import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import type { Held } from './parts.ts'

const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Keeps what an instance holds, sealed to this worker and this manifest (AES-256-GCM), on the lease's
 * volume.
 */
export class Vault {
  private readonly folder: string
  private readonly key: Uint8Array

  constructor(folder: string, key: Uint8Array) {
    this.folder = folder
    this.key = key
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  /**
   * What was saved last; undefined where nothing was. Throws `vault-damaged` where it isn't ours or was
   * changed.
   */
  load(): Held | undefined {
    let bytes: Buffer
    try {
      bytes = readFileSync(this.path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(0, IV_BYTES), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
      const text = Buffer.concat([
        decipher.update(bytes.subarray(IV_BYTES, bytes.length - TAG_BYTES)),
        decipher.final(),
      ])
      return JSON.parse(text.toString('utf8')) as Held
    } catch (cause) {
      throw new CloisterError(
        'vault-damaged',
        'What this instance kept does not open: another manifest or machine sealed it, or it was changed.',
        { cause },
      )
    }
  }

  /** Written through before it returns: what isn't saved is never used. */
  save(held: Held): void {
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.key, iv, { authTagLength: TAG_BYTES })
    const body = Buffer.concat([cipher.update(JSON.stringify(held)), cipher.final()])
    const next = `${this.path}.new`
    const file = openSync(next, 'w', 0o600)
    writeSync(file, Buffer.concat([iv, body, cipher.getAuthTag()]))
    fsyncSync(file)
    closeSync(file)
    renameSync(next, this.path)
    const folder = openSync(this.folder, 'r')
    fsyncSync(folder)
    closeSync(folder)
  }

  private get path(): string {
    return join(this.folder, 'held.sealed')
  }
}
