import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { FRAME, frameHead, parseManifest } from '@cloister/core'
import type { Hex } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { requireReadable } from '../api/routes/volumes.ts'
import { LEASE, openTestStore } from '../leases/testing.ts'

let stage: ReturnType<typeof openTestStore>
beforeEach(() => {
  stage = openTestStore({ cpuMilli: 100, memoryMiB: 64, diskMiB: 1, gpus: 0 })
})
afterEach(() => stage.close())

const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const frame = (bytes: Buffer, digest = digestOf(bytes), kind: number = FRAME.block) =>
  Buffer.concat([frameHead(kind, 32 + bytes.length), Buffer.from(digest, 'hex'), bytes])
async function* body(...parts: Buffer[]) {
  yield* parts
}
const begin = async () => (await stage.volumes.begin(LEASE, 'data', 1)).ticket
const send = (ticket: Hex, ...parts: Buffer[]) =>
  stage.volumes.receive({ lease: LEASE, volume: 'data', ticket }, body(...parts))

describe('a volume that is staged', () => {
  it('is known once all of it has come, and what has come is told of', async () => {
    const [one, other] = [randomBytes(1000), randomBytes(500)]
    const ticket = await begin()
    expect(await send(ticket, frame(one), frame(other))).toEqual({ blocks: 2 })
    expect(stage.volumes.stagedOf(LEASE, 'data')).toBeUndefined()
    const { blocks } = await stage.volumes.begin(LEASE, 'data', 1)
    expect(Buffer.from(blocks, 'base64').toString('hex')).toBe(digestOf(one) + digestOf(other))
    await expect(stage.volumes.finish(LEASE, 'data', ['ab'.repeat(32)])).rejects.toMatchObject({
      code: 'not-sent',
    })
    await stage.volumes.finish(LEASE, 'data', [digestOf(other)])
    const staged = stage.volumes.stagedOf(LEASE, 'data')
    expect(staged && existsSync(staged.staged)).toBe(true)
    await stage.volumes.forget(LEASE, ['data'])
    expect(stage.volumes.stagedOf(LEASE, 'data')).toBeUndefined()
    expect(staged && existsSync(staged.staged)).toBe(false)
  })

  it.each([
    ['a ticket of nobody', `0x${'00'.repeat(32)}`, [frame(Buffer.from('x'))], 'unauthorized'],
    ['a block that is another', undefined, [frame(Buffer.from('x'), 'ab'.repeat(32))], 'bad-file'],
    ['what is no block', undefined, [frame(Buffer.from('x'), undefined, FRAME.inventory)], 'bad-request'],
    ['what is no frame', undefined, [Buffer.from('nonsense')], 'bad-answer'],
    ['a part that is too large', undefined, Array(40).fill(frame(randomBytes(128 * 1024))), 'too-large'],
    ['more than the lease has disk', undefined, Array(9).fill(frame(randomBytes(128 * 1024))), 'too-large'],
  ])('is refused for %s', async (_, ticket, parts, code) => {
    await expect(send((ticket as Hex | undefined) ?? (await begin()), ...parts)).rejects.toMatchObject({
      code,
    })
  })

  it('goes when its lease is open no more', async () => {
    await send(await begin(), frame(Buffer.from('x')))
    await stage.volumes.finish(LEASE, 'data', [digestOf(Buffer.from('x'))])
    const { staged = '' } = stage.volumes.stagedOf(LEASE, 'data') ?? {}
    await stage.volumes.sweep()
    expect(existsSync(staged)).toBe(true)
    stage.store.patchLease(LEASE, (lease) => {
      lease.state = 'closed'
    })
    await stage.volumes.sweep()
    expect(existsSync(staged)).toBe(false)
  })

  it('is read for one at a time', () => {
    const { done } = stage.volumes.beginReading(LEASE)
    expect(() => stage.volumes.beginReading(LEASE)).toThrow(/being read already/)
    done()
    const again = stage.volumes.beginReading(LEASE)
    // Said twice, it lets go of nothing that began since.
    done()
    expect(() => stage.volumes.beginReading(LEASE)).toThrow(/being read already/)
    again.done()
  })
})

describe('a volume of a service that lets nobody inside', () => {
  const accepted = (line: string) => {
    const text = `services:\n  web:\n    image: web\n    volumes: ["data:/data"]\n${line}  other:\n    image: web\n    volumes: ["own:/own"]\nvolumes: { data: {}, own: {} }\n`
    const { manifest } = parseManifest(text, { file: 'compose.yaml' })
    return { running: { hash: LEASE, manifest, images: {} } }
  }

  it('is not read, and others are', () => {
    const closed = accepted('    x-exec: false\n')
    for (const volume of ['data', 'web-0.image-0123456789ab'])
      expect(() => requireReadable(closed, volume)).toThrow(/web lets nobody look/)
    requireReadable(closed, 'own')
    requireReadable(accepted(''), 'data')
  })
})
