import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFakeRegistry } from '@cloister/development/engines'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ImageStore } from '../sandbox/image-store.ts'
import { ImageRoom } from './image-room.ts'

const MIB = 1024 * 1024
const MOST = { bytes: 1024 * MIB, entries: 1_000_000 }
const HOURS_AGO = (hours: number) => Date.now() / 1000 - hours * 3600

/** On a disk of 100 MiB: 10 are left to leases, and images have to go below 25. */
describe.skipIf(process.getuid?.() !== 0)('images on a disk that leases pay for', () => {
  let folder: string
  let images: string
  let room: ImageRoom

  /** An unpacked image that was pulled so many hours ago. */
  const image = (digit: string, mib: number, hours: number): string => {
    const name = `sha256-${digit.repeat(64)}`
    mkdirSync(join(images, name))
    writeFileSync(join(images, name, 'content'), Buffer.alloc(mib * MIB))
    writeFileSync(join(images, `${name}.json`), '{}')
    utimesSync(join(images, `${name}.json`), HOURS_AGO(hours), HOURS_AGO(hours))
    return name
  }
  const lease = (key: string): string => {
    const path = join(folder, key)
    mkdirSync(path, { recursive: true })
    return path
  }
  const there = () => readdirSync(images).filter((name) => /^sha256-.{64}$/.test(name))

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-room-'))
    images = join(folder, 'images')
    mkdirSync(images)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=100m,nr_inodes=10000', 'tmpfs', images])
    room = new ImageRoom(images)
  })
  afterEach(async () => {
    execFileSync('umount', [images])
    await rm(folder, { recursive: true, force: true })
  })

  it('stay while there is room, and no other may take more than leaves some', async () => {
    const kept = image('a', 40, 48)
    const { bytes, entries } = await room.limits(MOST)
    expect(bytes).toBeGreaterThan(45 * MIB)
    expect(bytes).toBeLessThanOrEqual(50 * MIB)
    expect(entries).toBeLessThan(5_000)
    expect(await room.limits({ bytes: 5, entries: 6 })).toEqual({ bytes: 5, entries: 6 })
    expect(there()).toEqual([kept])
  })

  it('are downloaded only into what neither leases nor other downloads are to have', async () => {
    const noRoom = { code: 'image-unavailable', message: expect.stringContaining('no room') }
    await expect(room.promise(91 * MIB)).rejects.toMatchObject(noRoom)
    const outcomes = await Promise.allSettled([room.promise(60 * MIB), room.promise(60 * MIB)])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect((await room.limits(MOST)).bytes).toBeLessThanOrEqual(30 * MIB)
    const [first] = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    // What is written is taken once, from the disk itself.
    image('a', 40, 0)
    first?.written(40 * MIB)
    expect((await room.limits(MOST)).bytes).toBeGreaterThan(29 * MIB)
    first?.end()
    first?.end()
    expect((await room.limits(MOST)).bytes).toBeGreaterThan(49 * MIB)
  })

  it('of a registry that states more than there is room for are refused before a byte of them comes', async () => {
    const layout = join(folder, 'layout')
    mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
    const blob = (value: unknown) => {
      const bytes = Buffer.from(JSON.stringify(value))
      const hex = createHash('sha256').update(bytes).digest('hex')
      writeFileSync(join(layout, 'blobs/sha256', hex), bytes)
      return { digest: `sha256:${hex}`, size: bytes.length }
    }
    const layers = [{ digest: `sha256:${'1'.repeat(64)}`, size: 95 * MIB }]
    const registry = await startFakeRegistry(layout)
    registry.tags.set('team/app:1', blob({ config: blob({ os: 'linux', config: {} }), layers }).digest)
    const store = new ImageStore(images, { layouts: [], trustedRegistries: [registry.host] })
    await expect(store.pull(`${registry.host}/team/app:1`)).rejects.toThrow(/no room/)
    expect(registry.asked.map(({ path }) => path).filter((path) => path.includes('1111'))).toEqual([])
    await registry.stop()
  })

  it('that are unpacked are ended once they take what is left to leases', async () => {
    const ended = new AbortController()
    const watching = room.watch(ended.signal, 5)
    image('a', 95, 0)
    await expect(watching).rejects.toMatchObject({ code: 'image-unavailable' })
    ended.abort()
  })

  it('go where there is none, the one pulled longest ago first, but for those that a lease runs', async () => {
    const used = image('a', 30, 72)
    const oldest = image('b', 25, 48)
    const newer = image('c', 25, 24)
    await room.hold(used, lease('one'), 'web-0')
    await room.limits(MOST)
    expect(there()).toEqual([used, newer])
    expect(existsSync(join(images, `${oldest}.json`))).toBe(false)
  })

  it('go once their lease has ended, or its container runs another', async () => {
    const [first, second, third] = [image('a', 25, 72), image('b', 25, 48), image('c', 30, 24)]
    await room.hold(first, lease('one'), 'web-0')
    await room.hold(second, lease('two'), 'web-0')
    await room.hold(third, lease('three'), 'web-0')
    await expect(room.limits(MOST)).resolves.toMatchObject({
      bytes: expect.toSatisfy((bytes: number) => bytes <= 10 * MIB),
    })
    expect(there()).toEqual([first, second, third])
    await rm(lease('two'), { recursive: true })
    await room.limits(MOST)
    expect(there()).toEqual([first, third])
    await room.hold(third, lease('one'), 'web-0')
    image('d', 30, 1)
    await room.limits(MOST)
    expect(there()).toEqual([third, `sha256-${'d'.repeat(64)}`])
    await room.release(lease('one'), 'web-0')
    await room.release(lease('three'), 'web-0')
    image('e', 25, 0)
    await room.limits(MOST)
    expect(there()).toEqual([`sha256-${'d'.repeat(64)}`, `sha256-${'e'.repeat(64)}`])
  })

  it('that came a moment ago stay, and where nothing can go, nothing comes', async () => {
    const fresh = image('a', 92, 0)
    await expect(room.limits(MOST)).rejects.toMatchObject({
      code: 'image-unavailable',
      message: expect.stringContaining('no room'),
    })
    expect(there()).toEqual([fresh])
  })
})
