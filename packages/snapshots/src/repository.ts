import { hash, randomBytes } from 'node:crypto'
import { CloisterError } from '@cloister/core'
import * as z from 'zod'
import type { SnapshotKey } from './key.ts'
import type { SnapshotStore } from './store.ts'

/** Says that a place has snapshots, and by which key. */
const HEAD = 'head/cloister-snapshots'
/** Bytes of blocks that are put into one object. */
const PACK_BYTES = 8 * 1024 * 1024
/** Packs after which their index is written, so that a process that dies has that much less to do again. */
const PACKS_AN_INDEX = 16

const Head = z.object({ version: z.literal(1), check: z.string() })
const digest = z.string().regex(/^[0-9a-f]{64}$/)
/** Blocks of a pack: digest, offset, and bytes as they are sealed. */
const Packs = z.array(
  z.object({ pack: digest, blocks: z.array(z.tuple([digest, z.int().min(0), z.int().min(1)])) }),
)
export type PackIndex = z.infer<typeof Packs>[number]

interface Place {
  pack: string
  offset: number
  bytes: number
}

/**
 * Blocks that snapshots are made of, in a store: sealed one by one and put together in packs, whose names are
 * keyed hashes of what they hold. Sealed indexes say which block lies where. Blocks that are here are not
 * written again, whichever snapshot they came with.
 */
export class Repository {
  readonly store: SnapshotStore
  readonly key: SnapshotKey
  private readonly places = new Map<string, Place>()
  /** Blocks that are to be written, and where in the pack they are going to be. */
  private pending = new Map<string, { offset: number; sealed: Buffer }>()
  private pendingBytes = 0
  private fresh: PackIndex[] = []
  /** Bytes of packs and indexes that were written. */
  writtenBytes = 0

  private constructor(store: SnapshotStore, key: SnapshotKey) {
    this.store = store
    this.key = key
  }

  /**
   * Opens what a store has, and reads its indexes; `create` makes one where there is none. Throws `bad-key`
   * where it was made with another key, `not-found`, and `snapshot-damaged`.
   */
  static async open(store: SnapshotStore, key: SnapshotKey, create = false): Promise<Repository> {
    const repository = new Repository(store, key)
    await repository.checkHead(create)
    for (const { packs } of await repository.indexes()) repository.learn(packs)
    return repository
  }

  has(digest: string): boolean {
    return this.places.has(digest) || this.pending.has(digest)
  }

  /** Digests of all blocks, one after the other. */
  digests(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(Buffer.from([...this.places.keys(), ...this.pending.keys()].join(''), 'hex'))
  }

  /** Packs that are known, with what lies in them. */
  packs(): Map<string, string[]> {
    const packs = new Map<string, string[]>()
    for (const [digest, { pack }] of this.places) {
      const held = packs.get(pack)
      if (held) held.push(digest)
      else packs.set(pack, [digest])
    }
    return packs
  }

  /** Adds a block, unless it is here. Throws `bad-file` where it isn't what its digest says. */
  async add(digest: string, bytes: Uint8Array): Promise<void> {
    if (hash('sha256', bytes) !== digest)
      throw new CloisterError('bad-file', 'A block is not what its digest says.')
    if (this.has(digest)) return
    const sealed = this.key.seal(bytes, digest)
    this.pending.set(digest, { offset: this.pendingBytes, sealed })
    this.pendingBytes += sealed.length
    if (this.pendingBytes >= PACK_BYTES) await this.writePack()
    if (this.fresh.length >= PACKS_AN_INDEX) await this.writeIndex()
  }

  /** Writes what is still to be written; what was added counts from then on, whoever opens the store. */
  async flush(): Promise<void> {
    if (this.pending.size > 0) await this.writePack()
    if (this.fresh.length > 0) await this.writeIndex()
  }

  /** Reads a block. Throws `snapshot-damaged` where it is lost or isn't what it was. */
  async block(digest: string): Promise<Buffer> {
    const place = this.places.get(digest)
    const sealed = place && (await this.store.read(`packs/${place.pack}`, place))
    if (!sealed)
      throw new CloisterError(
        'snapshot-damaged',
        `A block is lost in ${this.store.place}: ${digest.slice(0, 12)}….`,
      )
    const bytes = this.key.open(sealed, digest)
    if (hash('sha256', bytes) !== digest)
      throw new CloisterError('snapshot-damaged', 'A block is not what its digest says.')
    return bytes
  }

  /** Whether a block lies where the indexes say, by the sizes of the packs. */
  isThere(digest: string, sizes: ReadonlyMap<string, number>): boolean {
    const place = this.places.get(digest)
    return place !== undefined && (sizes.get(`packs/${place.pack}`) ?? 0) >= place.offset + place.bytes
  }

  /** Writes blocks once more, into packs of their own, which no index names yet. */
  async rewrite(digests: readonly string[]): Promise<PackIndex[]> {
    const written: PackIndex[] = []
    let pack: { digest: string; bytes: Buffer }[] = []
    const write = async () => {
      for (const { digest, bytes } of pack) {
        const sealed = this.key.seal(bytes, digest)
        this.pending.set(digest, { offset: this.pendingBytes, sealed })
        this.pendingBytes += sealed.length
      }
      pack = []
      await this.writePack()
      written.push(...this.fresh.splice(0))
    }
    let held = 0
    for (const digest of digests) {
      const bytes = await this.block(digest)
      pack.push({ digest, bytes })
      held += bytes.length
      if (held < PACK_BYTES) continue
      await write()
      held = 0
    }
    if (pack.length > 0) await write()
    return written
  }

  /** What the store's indexes say, each with its name. */
  async indexes(): Promise<{ name: string; packs: PackIndex[] }[]> {
    const found: { name: string; packs: PackIndex[] }[] = []
    for (const { name } of await this.store.list('indexes')) {
      const sealed = await this.store.read(name)
      // Somebody put several together just now, and what they said is in another.
      if (sealed)
        found.push({ name, packs: Packs.parse(JSON.parse(this.key.open(sealed, 'index').toString())) })
    }
    return found
  }

  /** Writes one index in place of those; blocks that it doesn't name are not known any more. */
  async replaceIndexes(packs: PackIndex[], names: readonly string[]): Promise<void> {
    this.fresh = packs
    this.places.clear()
    if (packs.length > 0) {
      this.learn(packs)
      await this.writeIndex()
    }
    for (const name of names) await this.store.remove(name)
  }

  private learn(packs: readonly PackIndex[]): void {
    for (const { pack, blocks } of packs)
      for (const [digest, offset, bytes] of blocks) this.places.set(digest, { pack, offset, bytes })
  }

  private async writePack(): Promise<void> {
    const bytes = Buffer.concat([...this.pending.values()].map(({ sealed }) => sealed))
    const pack = this.key.nameOf('pack', Buffer.from(hash('sha256', bytes), 'hex'))
    await this.store.write(`packs/${pack}`, bytes)
    this.writtenBytes += bytes.length
    const blocks = [...this.pending].map(([digest, { offset, sealed }]): [string, number, number] => [
      digest,
      offset,
      sealed.length,
    ])
    this.fresh.push({ pack, blocks })
    this.learn(this.fresh.slice(-1))
    this.pending = new Map()
    this.pendingBytes = 0
  }

  private async writeIndex(): Promise<void> {
    const sealed = this.key.seal(Buffer.from(JSON.stringify(this.fresh)), 'index')
    const name = `indexes/${this.key.nameOf('index', sealed)}`
    await this.store.write(name, sealed)
    this.writtenBytes += sealed.length
    this.fresh = []
  }

  private async checkHead(create: boolean): Promise<void> {
    const check = this.key.nameOf('head', new Uint8Array())
    const found = await this.store.read(HEAD)
    if (!found) {
      if (!create) throw new CloisterError('not-found', `There are no snapshots in ${this.store.place}.`)
      await this.store.write(HEAD, Buffer.from(JSON.stringify({ version: 1, check })))
      return
    }
    const { data } = Head.safeParse(parsed(found))
    if (!data)
      throw new CloisterError(
        'snapshot-damaged',
        `What lies in ${this.store.place} are no snapshots of ours.`,
      )
    if (data.check !== check)
      throw new CloisterError(
        'bad-key',
        `The snapshots in ${this.store.place} were taken with another key.`,
        {
          hint: 'Use the key file of whoever took them.',
        },
      )
  }
}

/** A random name that sorts by time. */
export function timedName(now: Date): string {
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '')
  return `${stamp}-${randomBytes(4).toString('hex')}`
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}
