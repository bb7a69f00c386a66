import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFakeRegistry } from '@cloister/development/engines'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ImageStore } from '../sandbox/image-store.ts'
import { buildImage } from './build.ts'
import { sharedFolder } from './image-room.ts'
import { forgetUnshared, shareFiles } from './shared-files.ts'

const LARGE = Buffer.alloc(2 * 1024 * 1024, 'cloister')

describe('large files of the provider’s own images', () => {
  let folder: string
  let layout: string
  let images: string
  const rootOf = (digest: string) => join(images, digest.replace(':', '-'))
  const build = (name: string, files: Record<string, string>) =>
    buildImage({
      layout,
      name,
      programs: { '/bin/big': join(folder, 'big') },
      files,
      entrypoint: [],
      command: ['/bin/big'],
      env: {},
    })

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-shared-'))
    layout = join(folder, 'layout')
    images = join(folder, 'images')
    writeFileSync(join(folder, 'big'), LARGE)
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('are on the disk once, with the folders’ times as they were packed, and go with the last image that has them', async () => {
    const store = new ImageStore(images, { layouts: [layout], trustedRegistries: [] })
    const digests = [await build('a/one:1', { '/one': '1' }), await build('a/two:1', { '/two': '2' })]
    for (const name of ['a/one:1', 'a/two:1']) await store.pull(name)
    const [one, two] = digests.map((digest) => statSync(join(rootOf(digest), 'bin/big'))) as [
      ReturnType<typeof statSync>,
      ReturnType<typeof statSync>,
    ]
    expect(one?.ino).toBe(two?.ino)
    expect(statSync(join(rootOf(digests[1] ?? ''), 'bin')).mtimeMs).toBe(0)
    expect(readFileSync(join(rootOf(digests[1] ?? ''), 'bin/big')).equals(LARGE)).toBe(true)
    const pool = sharedFolder(images)
    expect(readdirSync(pool)).toHaveLength(1)
    await rm(rootOf(digests[0] ?? ''), { recursive: true })
    forgetUnshared(pool)
    expect(readdirSync(pool)).toHaveLength(1)
    await rm(rootOf(digests[1] ?? ''), { recursive: true })
    forgetUnshared(pool)
    expect(readdirSync(pool)).toEqual([])
  })

  it('have nothing to do with what tenants bring, who could see by a link that somebody else runs the same', async () => {
    const digest = await build('a/one:1', {})
    const registry = await startFakeRegistry(layout)
    registry.tags.set('team/app:1', digest)
    await new ImageStore(images, { layouts: [], trustedRegistries: [registry.host] }).pull(
      `${registry.host}/team/app:1`,
    )
    await registry.stop()
    expect(statSync(join(rootOf(digest), 'bin/big')).nlink).toBe(1)
    expect(existsSync(sharedFolder(images))).toBe(false)
  })

  it('are shared only where rights, owner, time and content are the same, and never where a file has several names', () => {
    const [root, pool] = [join(folder, 'root'), join(folder, 'pool')]
    const make = (name: string, content: Buffer, mode = 0o644, time = 1) => {
      const path = join(folder, name)
      writeFileSync(path, content)
      chmodSync(path, mode)
      utimesSync(path, time, time)
      return path
    }
    mkdirSync(root)
    const other = Buffer.from(LARGE)
    other[LARGE.length - 1] = 0
    const paths = [
      make('root/same', LARGE),
      make('root/again', LARGE),
      make('root/rights', LARGE, 0o4755),
      make('root/time', LARGE, 0o644, 2),
      make('root/content', other),
      make('root/small', LARGE.subarray(0, 1000)),
      make('root/two-names', LARGE),
    ]
    linkSync(join(root, 'two-names'), join(root, 'second-name'))
    symlinkSync('/etc', join(root, 'link'))
    shareFiles(root, pool)
    const stats = paths.map((path) => statSync(path))
    expect(stats.map(({ ino }) => stats.findIndex((one) => one.ino === ino))).toEqual([0, 0, 2, 3, 4, 5, 6])
    expect(stats.map(({ mode }) => mode & 0o7777)).toEqual([0o644, 0o644, 0o4755, 0o644, 0o644, 0o644, 0o644])
    expect(stats[6]?.nlink).toBe(2)
    expect(readdirSync(root)).toHaveLength(9)
  })
})
