import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { folderBytes } from './disk.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloister-disk-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('what a folder takes', () => {
  it('is what its files take', async () => {
    writeFileSync(join(folder, 'file'), Buffer.alloc(3 * 1024 * 1024))
    expect(await folderBytes(folder)).toBeGreaterThanOrEqual(3 * 1024 * 1024)
    expect(await folderBytes(folder)).toBeLessThan(4 * 1024 * 1024)
  })

  it('counts files that have nothing in them, of which a file system has so many and no more', async () => {
    mkdirSync(join(folder, 'empty'))
    for (let n = 0; n < 2_000; n++) writeFileSync(join(folder, 'empty', String(n)), '')
    const bytes = Number(execFileSync('du', ['-sk', folder], { encoding: 'utf8' }).split('\t')[0]) * 1024
    expect(bytes).toBeLessThan(1024 * 1024)
    expect(await folderBytes(folder)).toBeGreaterThanOrEqual(2_000 * 4_096)
  })

  it('is more than anything where counting it isn’t done in time', async () => {
    for (let n = 0; n < 500; n++) mkdirSync(join(folder, String(n)))
    expect(await folderBytes(folder, 1)).toBe(Number.POSITIVE_INFINITY)
  })

  it('is nothing where it isn’t there', async () => {
    expect(await folderBytes(join(folder, 'none'))).toBe(0)
  })
})
