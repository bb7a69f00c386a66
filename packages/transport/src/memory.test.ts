import { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { Blocks, freeRead } from './memory.ts'

const KIB = 1024

describe('the memory of what was read', () => {
  const socket = new Socket()
  const read = () => Buffer.from(new ArrayBuffer(64 * KIB))

  it('is freed where a socket has read it', () => {
    const chunk = read()
    freeRead(socket, chunk)
    expect([chunk.length, chunk.buffer.byteLength]).toEqual([0, 0])
  })

  it('is left alone where it is a part of something, or what is no socket has handed it on', () => {
    const whole = read()
    for (const part of [whole.subarray(1), whole.subarray(0, whole.length - 1)]) freeRead(socket, part)
    freeRead(new PassThrough(), whole)
    expect(whole.length).toBe(64 * KIB)
    const few = Buffer.from('GET / HTTP/1.1\r\n\r\n')
    freeRead(socket, few)
    expect(few.toString()).toMatch('GET')
  })
})

describe('blocks', () => {
  it('are used again once they are written, and not before', () => {
    const blocks = new Blocks(KIB, 1)
    const block = blocks.take()
    const socket = new Socket()
    let written: ((error?: Error | null) => void) | undefined
    socket._write = (_, __, done) => (written = done)
    blocks.write(socket, block, 10)
    expect(blocks.take()).not.toBe(block)
    written?.()
    return expect.poll(() => blocks.take() === block).toBe(true)
  })

  it('are not used again where writing them has failed, and are copied for others than sockets', () => {
    const blocks = new Blocks(KIB, 1)
    const pass = new PassThrough()
    const block = blocks.take().fill('a')
    blocks.write(pass, block, 3)
    expect(blocks.take()).toBe(block)
    block.fill('b')
    expect(String(pass.read())).toBe('aaa')
    const closed = new Socket().destroy()
    blocks.write(closed, block, 3)
    expect(blocks.take()).not.toBe(block)
  })
})
