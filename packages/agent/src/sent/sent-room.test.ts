import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHUNK_BYTES, type Manifest, parseManifest, sentReference } from '@cloister/core'
import type { Address, Hex } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SentRoom } from './sent-room.ts'

const TENANT: Address = `0x${'Aa'.repeat(20)}`
const OTHER: Address = `0x${'Bb'.repeat(20)}`
const lease = (tenant: Address = TENANT, diskMiB = 64) => ({
  id: `0x${(tenant === TENANT ? '1e' : '2e').repeat(32)}` as Hex,
  tenant,
  diskMiB,
})

let folder: string
let pinned: Set<string>
let room: SentRoom

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-sent-'))
  pinned = new Set()
  room = new SentRoom(folder, () => pinned)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const blobOf = (bytes: Buffer) => ({ digest: digestOf(bytes), bytes: bytes.length })
async function* body(...chunks: Buffer[]) {
  yield* chunks
}

/** Sends all of a blob. */
async function send(bytes: Buffer, to = lease()): Promise<void> {
  const { digest } = blobOf(bytes)
  const { ticket, lacking } = await room.begin(to, [blobOf(bytes)])
  if (lacking.length === 0) return
  for (let offset = lacking[0]?.received ?? 0; ; ) {
    const part = bytes.subarray(offset, offset + CHUNK_BYTES)
    const { received, complete } = await room.receive({ lease: to.id, ticket, digest, offset }, body(part))
    if (complete) return
    offset = received
  }
}

describe('what a tenant sends', () => {
  it('comes in parts, is checked, and is asked for no more', async () => {
    const bytes = randomBytes(CHUNK_BYTES + 10)
    await send(bytes)
    expect(readFileSync(room.fileOf(TENANT, digestOf(bytes))).equals(bytes)).toBe(true)
    expect((await room.begin(lease(), [blobOf(bytes)])).lacking).toEqual([])
  })

  it('can be read by nobody else on the machine', async () => {
    const bytes = Buffer.from('secret')
    await send(bytes)
    expect(statSync(folder).mode & 0o077).toBe(0)
    expect(statSync(room.fileOf(TENANT, digestOf(bytes))).mode & 0o777).toBe(0o600)
  })

  it('goes on where it stopped, also in another process', async () => {
    const bytes = randomBytes(1000)
    const { digest } = blobOf(bytes)
    const first = await room.begin(lease(), [blobOf(bytes)])
    const place = { lease: lease().id, ticket: first.ticket, digest, offset: 0 }
    const broken = (async function* () {
      yield bytes.subarray(0, 400)
      throw new Error('the line broke')
    })()
    await expect(room.receive(place, broken)).rejects.toThrow('the line broke')
    room = new SentRoom(folder, () => pinned)
    const { ticket, lacking } = await room.begin(lease(), [blobOf(bytes)])
    expect(lacking).toEqual([{ digest, received: 400 }])
    const rest = { ...place, ticket, offset: 400 }
    expect(await room.receive(rest, body(bytes.subarray(400)))).toEqual({ received: 1000, complete: true })
    expect(readFileSync(room.fileOf(TENANT, digest)).equals(bytes)).toBe(true)
  })

  it('is sent anew where the machine has lost of it what it had told', async () => {
    const bytes = randomBytes(1000)
    const { digest } = blobOf(bytes)
    const first = await room.begin(lease(), [blobOf(bytes)])
    const place = { lease: lease().id, ticket: first.ticket, digest, offset: 0 }
    const broken = (async function* () {
      yield bytes.subarray(0, 400)
      throw new Error('the line broke')
    })()
    await expect(room.receive(place, broken)).rejects.toThrow('the line broke')
    // Its length has reached the disk, and its content hasn't.
    writeFileSync(join(folder, TENANT, 'parts', digest.slice(7)), Buffer.alloc(400))
    room = new SentRoom(folder, () => pinned)
    const { ticket } = await room.begin(lease(), [blobOf(bytes)])
    const rest = { ...place, ticket, offset: 400 }
    await expect(room.receive(rest, body(bytes.subarray(400)))).rejects.toMatchObject({ code: 'stale' })
    expect((await room.begin(lease(), [blobOf(bytes)])).lacking).toEqual([{ digest, received: 0 }])
    await send(bytes)
    expect(readFileSync(room.fileOf(TENANT, digest)).equals(bytes)).toBe(true)
  })

  it('is refused where it is not what its digest says, and is sent anew then', async () => {
    const bytes = randomBytes(100)
    const { ticket } = await room.begin(lease(), [blobOf(bytes)])
    const place = { lease: lease().id, ticket, digest: digestOf(bytes), offset: 0 }
    await expect(room.receive(place, body(randomBytes(100)))).rejects.toMatchObject({ code: 'bad-file' })
    expect(existsSync(room.fileOf(TENANT, digestOf(bytes)))).toBe(false)
    expect(await room.receive(place, body(bytes))).toMatchObject({ complete: true })
  })

  it.each([
    ['a ticket of nobody', { ticket: `0x${'00'.repeat(32)}` }, 'unauthorized'],
    ['another lease', { lease: lease(OTHER).id }, 'unauthorized'],
    ['another blob', { digest: `sha256:${'0'.repeat(64)}` }, 'unauthorized'],
    ['a place it has not come to', { offset: 5 }, 'stale'],
  ])('is not taken for %s', async (_, change, code) => {
    const bytes = randomBytes(10)
    const { ticket } = await room.begin(lease(), [blobOf(bytes)])
    const place = { lease: lease().id, ticket, digest: digestOf(bytes), offset: 0, ...change }
    await expect(room.receive(place, body(bytes))).rejects.toMatchObject({ code })
  })

  it('has no more than it said, and no part has more than 4 MiB', async () => {
    const bytes = randomBytes(CHUNK_BYTES + 1)
    const { ticket } = await room.begin(lease(), [
      blobOf(bytes),
      { digest: digestOf(Buffer.from('x')), bytes: 1 },
    ])
    const place = { lease: lease().id, ticket, digest: digestOf(bytes), offset: 0 }
    await expect(room.receive(place, body(bytes))).rejects.toMatchObject({ code: 'too-large' })
    const small = { ...place, digest: digestOf(Buffer.from('x')) }
    await expect(room.receive(small, body(Buffer.from('xy')))).rejects.toMatchObject({ code: 'too-large' })
  })

  it('comes one part at a time', async () => {
    const bytes = randomBytes(20)
    const { ticket } = await room.begin(lease(), [blobOf(bytes)])
    const place = { lease: lease().id, ticket, digest: digestOf(bytes), offset: 0 }
    let go = () => {}
    const gate = new Promise<void>((done) => (go = done))
    const slow = (async function* () {
      await gate
      yield bytes
    })()
    const first = room.receive(place, slow)
    await expect(room.receive(place, body(bytes))).rejects.toMatchObject({ code: 'too-busy' })
    go()
    expect(await first).toMatchObject({ complete: true })
  })

  it('is at most what the lease has of disk', async () => {
    const blob = { digest: `sha256:${'1'.repeat(64)}`, bytes: 65 * 1024 * 1024 }
    await expect(room.begin(lease(), [blob])).rejects.toMatchObject({
      code: 'too-large',
      message: 'What comes with the manifest has 65 MiB, and the lease has 64 MiB of disk.',
    })
  })

  it('is refused where the machine has no room', async () => {
    const blob = { digest: `sha256:${'1'.repeat(64)}`, bytes: 2 ** 40 }
    await expect(room.begin(lease(TENANT, 2 ** 21), [blob])).rejects.toMatchObject({ code: 'too-busy' })
  })
})

describe('a disk that is nearly full', () => {
  const MIB = 1024 * 1024
  let files: number
  /** Of 100 MiB and 1000 files, of which tenants may take nine tenths. */
  const small = () =>
    new SentRoom(
      folder,
      () => pinned,
      () => {
        const all = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) =>
          one.isFile(),
        )
        const bytes = all.reduce(
          (sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size,
          0,
        )
        return { bytes: 100 * MIB, freeBytes: 100 * MIB - bytes, files: 1000, freeFiles: files - all.length }
      },
    )
  const blobs = (count: number, mib: number) =>
    Array.from({ length: count }, (_, index) => ({
      digest: digestOf(Buffer.from([count, mib, index])),
      bytes: mib * MIB,
    }))
  /** Sends all of what is asked for but the last byte. */
  const leaveOpen = async (to: ReturnType<typeof lease>, asked: { digest: string; bytes: number }[]) => {
    const { ticket } = await room.begin(to, asked)
    for (const { digest, bytes } of asked)
      for (let offset = 0; offset < bytes - 1; offset += CHUNK_BYTES) {
        const part = Buffer.alloc(Math.min(CHUNK_BYTES, bytes - 1 - offset))
        await room.receive({ lease: to.id, ticket, digest, offset }, body(part))
      }
  }

  beforeEach(() => {
    files = 1000
    room = small()
  })

  it('is not kept so by parts that nobody finishes', async () => {
    await leaveOpen(lease(), blobs(3, 16))
    await leaveOpen(lease(), blobs(2, 16))
    expect((await room.begin(lease(OTHER), blobs(1, 50))).lacking).toHaveLength(1)
  })

  it('has room for what all were promised, also at one moment', async () => {
    const asked = [room.begin(lease(), blobs(1, 60)), room.begin(lease(OTHER), blobs(2, 30))]
    const outcomes = await Promise.allSettled(asked)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('has it also where what came was something else', async () => {
    const [blob] = blobs(1, 40)
    if (!blob) return
    const { ticket } = await room.begin(lease(), [blob])
    const place = { lease: lease().id, ticket, digest: blob.digest }
    const send = async () => {
      for (let offset = 0; offset < blob.bytes; offset += CHUNK_BYTES)
        await room.receive({ ...place, offset }, body(Buffer.alloc(CHUNK_BYTES, 7)))
    }
    await expect(send()).rejects.toMatchObject({ code: 'bad-file' })
    await expect(room.begin(lease(OTHER), blobs(1, 60))).rejects.toMatchObject({ code: 'too-busy' })
  })

  it('takes nothing where it can have no more files', async () => {
    files = 100
    await expect(room.begin(lease(), blobs(1, 1))).rejects.toMatchObject({ code: 'too-busy' })
  })

  it('is no reason to refuse where nothing is lacking', async () => {
    const bytes = randomBytes(10)
    await send(bytes)
    files = 100
    expect((await room.begin(lease(), [blobOf(bytes)])).lacking).toEqual([])
  })

  it('is relieved of what no lease takes', async () => {
    const [taken, loose] = [randomBytes(10), randomBytes(11)]
    for (const bytes of [taken, loose]) await send(bytes)
    pinned.add(digestOf(taken))
    await room.begin(lease(), [blobOf(randomBytes(1))])
    files = 101
    await room.relieve()
    expect([taken, loose].map((bytes) => existsSync(room.fileOf(TENANT, digestOf(bytes))))).toEqual([
      true,
      false,
    ])
  })
})

it('small blobs count for the file that each is', async () => {
  const blobs = Array.from({ length: 129 }, (_, index) => blobOf(Buffer.from(`${index}`)))
  await expect(room.begin(lease(TENANT, 1), blobs)).rejects.toMatchObject({ code: 'too-large' })
  expect((await room.begin(lease(TENANT, 1), blobs.slice(1))).lacking).toHaveLength(128)
})

it('leases are not gone through for a tenant that has little here', async () => {
  let asked = 0
  const counting = new SentRoom(folder, () => {
    asked++
    return pinned
  })
  await counting.begin(lease(), [blobOf(randomBytes(10))])
  expect(asked).toBe(0)
})

it('what no lease takes is bounded for each tenant, the oldest going first', async () => {
  const MOST = 4_096
  await send(randomBytes(10))
  const blobs = join(folder, TENANT, 'blobs/sha256')
  for (let index = 0; index < MOST + 5; index++)
    writeFileSync(join(blobs, index.toString(16).padStart(64, '0')), '')
  const then = new Date(Date.now() - 60_000)
  const oldest = [0, 1, 2, 3, 4, 5].map((index) => join(blobs, index.toString(16).padStart(64, '0')))
  for (const path of oldest) utimesSync(path, then, then)
  await room.begin(lease(), [blobOf(randomBytes(10))])
  expect(readdirSync(blobs)).toHaveLength(MOST)
  expect(oldest.some(existsSync)).toBe(false)
})

it('a lease that has ended sends nothing more', async () => {
  const bytes = randomBytes(10)
  const { ticket } = await room.begin(lease(), [blobOf(bytes)])
  room.end(lease().id)
  const place = { lease: lease().id, ticket, digest: digestOf(bytes), offset: 0 }
  await expect(room.receive(place, body(bytes))).rejects.toMatchObject({ code: 'unauthorized' })
})

it('what came before a part broke off is not read again', async () => {
  const bytes = randomBytes(1000)
  const { digest } = blobOf(bytes)
  const { ticket } = await room.begin(lease(), [blobOf(bytes)])
  const place = { lease: lease().id, ticket, digest }
  const broken = (async function* () {
    yield bytes.subarray(0, 400)
    throw new Error('the line broke')
  })()
  await expect(room.receive({ ...place, offset: 0 }, broken)).rejects.toThrow('the line broke')
  // Whoever read it again would find something else.
  writeFileSync(join(folder, TENANT, 'parts', digest.slice(7)), Buffer.alloc(400))
  const rest = body(bytes.subarray(400))
  expect(await room.receive({ ...place, offset: 400 }, rest)).toMatchObject({ complete: true })
})

describe('a manifest', () => {
  const manifestOf = (image: string, from?: { digest: string; bytes: number }): Manifest => {
    const { manifest } = parseManifest(`services:\n  web:\n    image: ${image}\n`, { file: 'compose.yaml' })
    return from ? { ...manifest, volumes: { data: { sizeMiB: 1, class: 'default', from } } } : manifest
  }
  const imageOf = (layer: Buffer) => {
    const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', config: {} }))
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        config: { digest: digestOf(config), size: config.length },
        layers: [{ digest: digestOf(layer), size: layer.length }],
      }),
    )
    return { config, manifest, image: sentReference('web', digestOf(manifest)) }
  }

  it('is taken once all of its image is here', async () => {
    const layer = randomBytes(50)
    const { config, manifest, image } = imageOf(layer)
    for (const part of [manifest, config, layer]) {
      await expect(room.require(TENANT, manifestOf(image))).rejects.toMatchObject({ code: 'not-sent' })
      await send(part)
    }
    const parts = [manifest, config, layer].map(digestOf)
    expect(await room.require(TENANT, manifestOf(image))).toEqual(parts)
  })

  it('takes nothing that another tenant has sent', async () => {
    const archive = randomBytes(50)
    await send(archive, lease(OTHER))
    await expect(room.require(TENANT, manifestOf('web', blobOf(archive)))).rejects.toMatchObject({
      code: 'not-sent',
    })
    await room.require(OTHER, manifestOf('web', blobOf(archive)))
  })

  it('takes nothing of another size than it says', async () => {
    const archive = randomBytes(50)
    await send(archive)
    const wrong = { ...blobOf(archive), bytes: 49 }
    await expect(room.require(TENANT, manifestOf('web', wrong))).rejects.toMatchObject({ code: 'not-sent' })
  })
})

describe('what no lease takes any more', () => {
  const DAY_MS = 24 * 3_600_000
  const age = (bytes: Buffer) => {
    const then = new Date(Date.now() - 2 * DAY_MS)
    utimesSync(room.fileOf(TENANT, digestOf(bytes)), then, then)
  }
  const isHere = (bytes: Buffer) => existsSync(room.fileOf(TENANT, digestOf(bytes)))

  it('goes after a day, and what a lease takes stays', async () => {
    const [old, taken, fresh] = [randomBytes(10), randomBytes(11), randomBytes(12)]
    for (const bytes of [old, taken, fresh]) await send(bytes)
    pinned.add(digestOf(taken))
    // The last ticket is for `fresh`.
    age(old)
    age(taken)
    await room.sweep()
    expect([old, taken, fresh].map(isHere)).toEqual([false, true, true])
  })

  it('stays while somebody is about to take it', async () => {
    const bytes = randomBytes(10)
    await send(bytes)
    await room.begin(lease(), [blobOf(bytes)])
    age(bytes)
    await room.sweep()
    expect(isHere(bytes)).toBe(true)
  })

  it('goes with the parts that were never finished', async () => {
    const bytes = randomBytes(10)
    const { ticket } = await room.begin(lease(), [blobOf(bytes)])
    await room.receive(
      { lease: lease().id, ticket, digest: digestOf(bytes), offset: 0 },
      body(bytes.subarray(0, 5)),
    )
    const part = join(folder, TENANT, 'parts', digestOf(bytes).slice(7))
    expect(readFileSync(part)).toHaveLength(5)
    await room.sweep(Date.now() + 2 * DAY_MS)
    expect(existsSync(part)).toBe(false)
  })

  it('is told from what isn’t a tenant’s', async () => {
    writeFileSync(join(folder, 'note'), 'left here')
    await room.sweep(Date.now() + 2 * DAY_MS)
    expect(existsSync(join(folder, 'note'))).toBe(true)
  })
})
