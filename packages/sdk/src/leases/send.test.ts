import { createHash, randomBytes } from 'node:crypto'
import type { WorkerClient } from '@cloister/client'
import { CHUNK_BYTES, CloisterError, parseManifest, type SentContent } from '@cloister/core'
import type { Hex } from 'viem'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { checkContents, type SendProgress, sendContents } from './send.ts'

const LEASE: Hex = `0x${'1e'.repeat(32)}`
const TICKET: Hex = `0x${'7c'.repeat(32)}`

function contentOf(bytes: Buffer, chunk = 100_000): SentContent {
  return {
    digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    bytes: bytes.length,
    async *open(from) {
      for (let at = from; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk)
    },
  }
}

/** What a worker has received, by digest. */
let received: Map<string, Buffer>
/** Parts that the worker was sent, as `digest at length`. */
let parts: string[]
/** Called before each part; what it throws is the worker's answer. */
let before: (part: number) => void

const worker = {
  announce: async (_: Hex, blobs: { digest: string; bytes: number }[]) => ({
    ticket: TICKET,
    lacking: blobs.flatMap(({ digest, bytes }) => {
      const here = received.get(digest)
      return here?.length === bytes ? [] : [{ digest, received: here?.length ?? 0 }]
    }),
  }),
  sendPart: async (_: Hex, digest: string, { offset }: { offset: number }, bytes: Uint8Array) => {
    before(parts.length)
    parts.push(`${digest.slice(7, 11)} ${offset} ${bytes.length}`)
    const here = received.get(digest) ?? Buffer.alloc(0)
    if (here.length !== offset) throw new CloisterError('stale', 'It does not begin there.')
    received.set(digest, Buffer.concat([here, bytes]))
    return { received: offset + bytes.length, complete: false }
  },
} as unknown as WorkerClient

beforeEach(() => {
  received = new Map()
  parts = []
  before = () => {}
})

describe('sending', () => {
  it('sends everything that is lacking, in parts, and tells how far it is', async () => {
    const [large, small] = [randomBytes(2 * CHUNK_BYTES + 5), Buffer.from('small')]
    const told: SendProgress[] = []
    await sendContents(worker, LEASE, [contentOf(large), contentOf(small)], (progress) => told.push(progress))
    expect([...received.values()].map((bytes) => bytes.length).sort()).toEqual([5, large.length])
    expect(received.get(contentOf(large).digest)?.equals(large)).toBe(true)
    expect(parts).toHaveLength(4)
    const total = large.length + 5
    expect(told[0]).toEqual({ bytes: 0, total })
    expect(told.at(-1)).toEqual({ bytes: total, total })
  })

  it('sends nothing that is there', async () => {
    const content = contentOf(Buffer.from('there'))
    received.set(content.digest, Buffer.from('there'))
    await sendContents(worker, LEASE, [content])
    expect(parts).toEqual([])
  })

  it('tells the end of what has none left, as of an empty file', async () => {
    const content = contentOf(Buffer.alloc(0))
    let asked = 0
    const once = {
      ...worker,
      announce: async () => ({
        ticket: TICKET,
        lacking: asked++ ? [] : [{ digest: content.digest, received: 0 }],
      }),
    }
    await sendContents(once as unknown as WorkerClient, LEASE, [content])
    expect(parts).toEqual([`${content.digest.slice(7, 11)} 0 0`])
  })

  it('goes on where it stopped after a break', async () => {
    const large = randomBytes(3 * CHUNK_BYTES)
    const content = contentOf(large, 1_000_000)
    before = (part) => {
      before = part < 1 ? before : () => {}
      if (part === 1) throw new CloisterError('unreachable', 'gone')
    }
    await sendContents(worker, LEASE, [content])
    expect(received.get(content.digest)?.equals(large)).toBe(true)
    expect(parts).toHaveLength(3)
  })

  it.each([
    ['less', -1],
    ['more', 1],
  ])('stops at what has %s in it than it says', async (_, difference) => {
    const bytes = Buffer.from('four')
    const content = { ...contentOf(bytes), bytes: bytes.length - difference }
    await expect(sendContents(worker, LEASE, [content])).rejects.toMatchObject({ code: 'bad-file' })
  })

  it('gives up at once where the worker says that it can never be', async () => {
    before = () => {
      throw new CloisterError('too-large', 'no')
    }
    await expect(sendContents(worker, LEASE, [contentOf(Buffer.from('a'))])).rejects.toMatchObject({
      code: 'too-large',
    })
  })

  it('gives up where the worker asks without end for what it was sent', async () => {
    const content = contentOf(randomBytes(10))
    const asks = (lacking: object[]) =>
      sendContents(
        {
          ...worker,
          announce: async () => ({ ticket: TICKET, lacking }),
          sendPart: async (_: Hex, __: string, { offset }: { offset: number }, bytes: Uint8Array) => {
            parts.push(`${bytes.length}`)
            return { received: offset + bytes.length, complete: true }
          },
        } as unknown as WorkerClient,
        LEASE,
        [content],
      )
    const lacking = (received: number) => ({ digest: content.digest, received })
    await expect(asks([lacking(0)])).rejects.toMatchObject({ code: 'bad-answer' })
    await expect(asks([lacking(10)])).rejects.toMatchObject({ code: 'bad-answer' })
    await expect(asks([lacking(2 ** 50)])).rejects.toMatchObject({ code: 'bad-answer' })
    parts = []
    await expect(asks(Array.from({ length: 1000 }, () => lacking(0)))).rejects.toMatchObject({
      code: 'bad-answer',
    })
    expect(parts.length).toBeLessThan(10)
  })

  it('gives up where nothing new arrives, however much it answers', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const content = contentOf(randomBytes(10))
    let sent = 0
    const forgetful = {
      ...worker,
      announce: async () => ({ ticket: TICKET, lacking: [{ digest: content.digest, received: 9 }] }),
      sendPart: async () => {
        vi.setSystemTime(Date.now() + 60_000)
        if (sent++ % 2 === 1) throw new CloisterError('stale', 'no')
        return { received: 3, complete: false }
      },
    } as unknown as WorkerClient
    await expect(sendContents(forgetful, LEASE, [content])).rejects.toMatchObject({ code: 'stale' })
  })

  it('has more patience with one that is busy with what has arrived, and not without end', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const content = contentOf(randomBytes(10))
    const busyFor = (minutes: number) => {
      const end = Date.now() + minutes * 60_000
      let isWhole = false
      const client = {
        ...worker,
        announce: async () => ({
          ticket: TICKET,
          lacking: isWhole ? [] : [{ digest: content.digest, received: 0 }],
        }),
        sendPart: async () => {
          vi.setSystemTime(Date.now() + 150_000)
          if (Date.now() < end) throw new CloisterError('too-busy', 'no')
          isWhole = true
          return { received: 10, complete: true }
        },
      } as unknown as WorkerClient
      return sendContents(client, LEASE, [content])
    }
    await busyFor(8)
    await expect(busyFor(60)).rejects.toMatchObject({ code: 'too-busy' })
  })

  it('sends a worker nothing that nobody offered', async () => {
    const greedy = {
      ...worker,
      announce: async () => ({
        ticket: TICKET,
        lacking: [{ digest: `sha256:${'0'.repeat(64)}`, received: 0 }],
      }),
    }
    await expect(
      sendContents(greedy as unknown as WorkerClient, LEASE, [contentOf(Buffer.from('a'))]),
    ).rejects.toMatchObject({ code: 'bad-request' })
  })
})

describe('contents of a manifest', () => {
  const digest = `sha256:${'ab'.repeat(32)}`
  const { manifest } = parseManifest(`services:\n  web:\n    image: sent.local/web@${digest}\n`, {
    file: 'compose.yaml',
  })
  const image = { digest, bytes: 1, open: async function* () {} }

  it('are complete where each image has its manifest', () => {
    expect(() => checkContents(manifest, [image])).not.toThrow()
    expect(() => checkContents(manifest, [])).toThrow(/takes the image sha256:abab/)
  })

  it('have the size that the manifest says', () => {
    const volume = { sizeMiB: 1, class: 'default', from: { digest, bytes: 2 } }
    expect(() => checkContents({ ...manifest, volumes: { v: volume } }, [image])).toThrow(/takes sha256:abab/)
  })
})
