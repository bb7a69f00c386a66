import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { isPacked, unpackTo } from './archive-file.ts'
import { folderOfTest } from './testing.ts'

const MIB = 1024 * 1024

describe('an archive that is packed', () => {
  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const)('with %s is unpacked up to what there is room for', async (_, pack) => {
    const folder = folderOfTest()
    const path = join(folder, 'image.tar.packed')
    writeFileSync(path, pack(Buffer.alloc(4 * MIB)))
    expect(statSync(path).size).toBeLessThan(MIB / 16)
    expect(await isPacked(path)).toBe(true)
    expect(readFileSync(await unpackTo(path, folder, 4 * MIB)).length).toBe(4 * MIB)
    await expect(unpackTo(path, folder, 4 * MIB - 1)).rejects.toMatchObject({
      code: 'too-large',
      message: expect.stringContaining('holds more than 3 MiB'),
    })
    expect(statSync(join(folder, 'unpacked.tar')).size).toBeLessThan(4 * MIB)
    expect(readdirSync(folder)).toHaveLength(2)
  })

  it('with something else is refused', async () => {
    const folder = folderOfTest()
    writeFileSync(join(folder, 'bad.tar.gz'), Buffer.from('1f8b0800ffff', 'hex'))
    await expect(unpackTo(join(folder, 'bad.tar.gz'), folder)).rejects.toMatchObject({ code: 'bad-file' })
  })
})
