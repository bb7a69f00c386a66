import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeBlocks, encodeItem } from '@cloister/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FolderStore } from './folder-store.ts'
import { SnapshotKey } from './key.ts'
import { whileLocked } from './lock.ts'
import { prune } from './prune.ts'
import { Repository } from './repository.ts'
import { findSnapshot, keepSnapshot, listSnapshots } from './snapshot.ts'
import { verifySnapshots } from './verify.ts'

const BLOCK = 128 * 1024
const SECRET = Buffer.alloc(32, 7)

let folder: string
let store: FolderStore
let repository: Repository

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-snapshots-'))
  store = new FolderStore(folder)
  repository = await reopen(true)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const reopen = (create = false, secret = SECRET) => Repository.open(store, new SnapshotKey(secret), create)
const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const packs = () => readdirSync(join(folder, 'packs'))
const bytesIn = (part: string) =>
  readdirSync(join(folder, part)).map((name) => readFileSync(join(folder, part, name)))

/** Takes a snapshot of one volume with one file of these blocks, as a worker would give them. */
async function take(blocks: Buffer[], { name = 'shop', takenAt = Date.now() } = {}): Promise<string> {
  const size = blocks.reduce((sum, { length }) => sum + length, 0)
  const item = {
    type: 'file' as const,
    path: 'f',
    target: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    modified: 0,
    size,
  }
  const inventory = Buffer.from(encodeItem(item) + encodeBlocks(blocks.map(digestOf)))
  for (const bytes of [...blocks, inventory]) await repository.add(digestOf(bytes), bytes)
  await repository.flush()
  const volume = { name: 'data', files: 1, bytes: size, inventory: [digestOf(inventory)], leftOut: 0 }
  const lease = `0x${'1e'.repeat(32)}`
  return (
    await keepSnapshot(repository, { version: 1, lease, name, takenAt, paused: false, volumes: [volume] })
  ).id
}
const blocks = (count: number) => Array.from({ length: count }, () => randomBytes(BLOCK))

describe('snapshots in a folder', () => {
  it('are read back by whoever has the key, and by nobody else', async () => {
    const [one] = blocks(1) as [Buffer]
    const id = await take([one])
    const other = await reopen()
    expect((await other.block(digestOf(one))).equals(one)).toBe(true)
    expect(await findSnapshot(other)).toMatchObject({ id, snapshot: { name: 'shop' } })
    await expect(reopen(false, Buffer.alloc(32, 8))).rejects.toMatchObject({ code: 'bad-key' })
  })

  it('tell the storage nothing: neither contents nor digests nor names', async () => {
    const text = Buffer.concat([Buffer.from('a very secret sentence '.repeat(5_000))])
    await take([text])
    const all = ['packs', 'indexes', 'snapshots', 'head'].flatMap(bytesIn)
    const names = readdirSync(folder, { recursive: true }).join()
    for (const word of ['secret sentence', 'shop', 'data', digestOf(text)]) {
      expect(all.some((bytes) => bytes.includes(word))).toBe(false)
      expect(names).not.toContain(word)
    }
    expect(all.some((bytes) => bytes.includes(Buffer.from(digestOf(text), 'hex')))).toBe(false)
    // The same content with another key has other names.
    for (const pack of packs()) expect(pack).not.toBe(digestOf(readFileSync(join(folder, 'packs', pack))))
  })

  it('hold each block once, whichever snapshot it came with', async () => {
    const same = blocks(20)
    await take(same)
    const before = repository.writtenBytes
    repository = await reopen()
    await take([...same, ...blocks(1)])
    expect(repository.writtenBytes).toBeLessThan(2 * BLOCK)
    expect(before).toBeGreaterThan(20 * BLOCK)
  })

  it('keep what came before they were broken off', async () => {
    const some = blocks(5)
    for (const bytes of some) await repository.add(digestOf(bytes), bytes)
    await repository.flush()
    repository = await reopen()
    expect(some.every((bytes) => repository.has(digestOf(bytes)))).toBe(true)
    expect(await listSnapshots(repository)).toEqual([])
  })

  it('are refused where a block is not what it says', async () => {
    await expect(repository.add('ab'.repeat(32), Buffer.from('x'))).rejects.toMatchObject({
      code: 'bad-file',
    })
  })

  it('are found by a part of their id, and only where it is clear which', async () => {
    const first = await take(blocks(1), { takenAt: Date.UTC(2026, 0, 1) })
    const second = await take(blocks(1), { takenAt: Date.UTC(2026, 0, 2) })
    expect((await findSnapshot(repository)).id).toBe(second)
    expect((await findSnapshot(repository, first.slice(-8))).id).toBe(first)
    expect((await findSnapshot(repository, '20260101')).id).toBe(first)
    await expect(findSnapshot(repository, '2026')).rejects.toMatchObject({ code: 'bad-name' })
    await expect(findSnapshot(repository, '2031')).rejects.toMatchObject({ code: 'not-found' })
    await take(blocks(1), { name: 'other' })
    await expect(findSnapshot(repository)).rejects.toThrow(/snapshots of 2 leases/)
  })
})

describe('verifying', () => {
  it('finds a byte that was changed, and a pack that is gone', async () => {
    const good = await take(blocks(3))
    const [goodPack] = packs()
    const bad = await take(blocks(3), { takenAt: Date.now() + 1000 })
    expect((await verifySnapshots(repository)).map(({ problem }) => problem)).toEqual([undefined, undefined])
    const pack = join(folder, 'packs', packs().find((name) => name !== goodPack) ?? '')
    const bytes = readFileSync(pack)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    writeFileSync(pack, bytes)
    const problems = new Map((await verifySnapshots(repository)).map(({ id, problem }) => [id, problem]))
    expect(problems.get(good)).toBeUndefined()
    expect(problems.get(bad)).toMatch(/not what was stored/)
    // A quick look sees only what is not there.
    const quick = async () =>
      (await verifySnapshots(repository, { quick: true })).map(({ problem }) => problem)
    expect(await quick()).toEqual([undefined, undefined])
    rmSync(pack)
    expect(await quick()).toContainEqual(expect.stringMatching(/lost/))
  })
})

describe('pruning', () => {
  it('keeps the newest of each lease whole, and gives room back', async () => {
    const [shared, old, recent] = [blocks(10), blocks(30), blocks(10)]
    await take([...shared, ...old], { takenAt: 1_000 })
    await take([...shared, ...recent], { takenAt: 2_000 })
    const kept = await take(recent, { takenAt: 3_000 })
    const other = await take(shared, { name: 'other', takenAt: 500 })
    const { removed, kept: stays, freedBytes } = await prune(repository, { keep: 1 })
    expect(removed).toHaveLength(2)
    expect(stays.sort()).toEqual([other, kept].sort())
    expect(freedBytes).toBeGreaterThan(30 * BLOCK)
    repository = await reopen()
    expect((await verifySnapshots(repository)).map(({ problem }) => problem)).toEqual([undefined, undefined])
    expect(repository.has(digestOf(old[0] as Buffer))).toBe(false)
  })

  it('removes what a process that died left, and changes nothing where nothing is old', async () => {
    const id = await take(blocks(2))
    await store.write('packs/0badc0de', Buffer.from('left behind'))
    expect(await prune(repository, { keep: 1 })).toMatchObject({ removed: [], kept: [id] })
    expect(packs()).not.toContain('0badc0de')
    repository = await reopen()
    expect((await verifySnapshots(repository))[0]?.problem).toBeUndefined()
  })

  it('waits for nobody, and leaves all as it is while somebody writes', async () => {
    await whileLocked(store, 'write', async () => {
      await expect(prune(repository, { keep: 1 })).rejects.toMatchObject({ code: 'too-busy' })
      // Any number may write.
      await whileLocked(store, 'write', async () => {})
    })
    await prune(repository, { keep: 1 })
    expect(readdirSync(join(folder, 'locks'))).toEqual([])
  })

  it('loses nothing wherever it dies', async () => {
    const [shared, old] = [blocks(4), blocks(20)]
    await take([...shared, ...old], { takenAt: 1_000 })
    const kept = await take(shared, { takenAt: 2_000 })
    let steps = 0
    for (; ; steps++) {
      let left = steps
      const dies = new Proxy(store, {
        get: (target, name: keyof FolderStore) => {
          const value = target[name]
          if (typeof value !== 'function') return value
          return (...words: never[]) => {
            const changes = (name === 'write' || name === 'remove') && !String(words[0]).startsWith('locks/')
            if (changes && left-- <= 0) throw new Error('it died')
            return (value as (...words: never[]) => unknown).apply(target, words)
          }
        },
      })
      const died = await prune(await Repository.open(dies, new SnapshotKey(SECRET)), { keep: 1 }).then(
        () => false,
        (error) => String(error).includes('it died'),
      )
      const checked = await verifySnapshots(await reopen())
      expect(checked.find(({ id }) => id === kept)).toMatchObject({ problem: undefined })
      if (!died) break
      expect(steps).toBeLessThan(50)
    }
    expect(steps).toBeGreaterThan(3)
  })
})
