import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { inBlocks } from './in-blocks.ts'

const MIB = 1024 * 1024
let server: Server

afterEach(() => void server.closeAllConnections())

/** A server whose one answer is what `read` makes of a request's body. */
async function answering(read: (incoming: IncomingMessage) => Promise<string>): Promise<number> {
  server = createServer((incoming: IncomingMessage, response: ServerResponse) => {
    void read(incoming).then((text) => response.end(text))
  })
  server.listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function put(port: number, body: Buffer): Promise<string> {
  const outgoing = request({ port, host: '127.0.0.1', method: 'PUT' })
  outgoing.end(body)
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  return String(Buffer.concat(await answer.toArray()))
}

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

it.each([0, 1, MIB - 1, MIB, MIB + 1, 9 * MIB + 12_345])(
  'a body of %d bytes comes as it was sent, in blocks of 1 MiB, also to who reads slowly',
  async (length) => {
    const sizes: number[] = []
    const port = await answering(async (incoming) => {
      const hash = createHash('sha256')
      for await (const block of inBlocks(incoming)) {
        sizes.push(block.length)
        await setImmediate()
        hash.update(block)
      }
      return hash.digest('hex')
    })
    const body = randomBytes(length)
    expect(await put(port, body)).toBe(digestOf(body))
    expect(sizes.slice(0, -1).every((size) => size === MIB)).toBe(true)
    expect(sizes).toHaveLength(Math.ceil(length / MIB))
  },
)

it('of a body that breaks off, what came is given before that is thrown', async () => {
  const heard = Promise.withResolvers<{ came: number; error: unknown }>()
  const port = await answering(async (incoming) => {
    let came = 0
    try {
      for await (const block of inBlocks(incoming)) came += block.length
      heard.resolve({ came, error: undefined })
    } catch (error) {
      heard.resolve({ came, error })
    }
    return ''
  })
  const outgoing = request({ port, host: '127.0.0.1', method: 'PUT', headers: { 'content-length': 5000 } })
  outgoing.on('error', () => {})
  outgoing.write(Buffer.alloc(3000), () => outgoing.destroy())
  const { came, error } = await heard.promise
  expect(came).toBe(3000)
  expect(error).toBeInstanceOf(Error)
})
