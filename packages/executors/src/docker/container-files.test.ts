import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { filesBytes, writeFiles } from './container-files.ts'

const MIB = 1024 * 1024
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-container-files-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('files that containers are given', () => {
  it('are no more than the lease has disk, however often one is named', async () => {
    const file = join(folder, 'sent')
    writeFileSync(file, '')
    truncateSync(file, MIB)
    const lease = join(folder, 'lease')
    const files = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ path: `/${index}`, mode: 0o644, content: { file } }))
    const write = (name: string, count: number) => writeFiles({ lease, name, diskMiB: 4 }, files(count))
    await expect(write('web-0', 5)).rejects.toThrow(/more than its disk of 4 MiB/)
    expect(existsSync(lease)).toBe(false)
    // Those that start at one time have it together.
    const outcomes = await Promise.allSettled([write('web-0', 2), write('web-1', 2), write('web-2', 1)])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
    expect(await filesBytes(lease)).toBe(4 * MIB)
    expect(await write('web-0', 2)).toHaveLength(2)
  })
})
