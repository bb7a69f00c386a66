import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Hex } from 'viem'
import { afterEach, describe, expect, it } from 'vitest'
import { canDeploy, until } from './embedded.ts'
import { manifestOf, task, useWorker } from './own-worker.ts'

const MIB = 1024 * 1024
const READERS = 20
/**
 * What a worker promises of each reader that doesn't read (docs/providers.md), and what one of this
 * process's own sockets may hold.
 */
const PER_READER = 2 * MIB

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** What this process, the worker included, has in use. */
const used = () => {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

describe.skipIf(!canDeploy)('readers that do not read', () => {
  const own = useWorker()
  const sockets: Socket[] = []
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy()
  })

  /** Asks, and reads nothing of the answer. */
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const signed = await own.client.sign('GET', path, '')
    const { port } = new URL(own.client.endpoint)
    const socket = connect(Number(port), '127.0.0.1').pause()
    socket.on('error', () => {})
    sockets.push(socket)
    const all = { host: 'worker', ...signed, ...headers }
    socket.write(
      `GET ${path} HTTP/1.1\r\n${Object.entries(all)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('')}\r\n`,
    )
  }
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  }
  /** A service that prints without end, at some MiB a second. */
  const chatty = task(
    'chat',
    'const line = "x".repeat(1000);setInterval(()=>{for(let i=0;i<500;i++)console.log(line)},50)',
  )

  it.each([
    ['of logs', (lease: Hex) => ask(`/v1/leases/${lease}/logs?tail=10&follow=true`)],
    ['of a command’s output', (lease: Hex) => ask(`/v1/leases/${lease}/exec?arg=sh&arg=-c&arg=yes`, upgrade)],
    ['of events', (lease: Hex) => ask(`/v1/leases/${lease}/events?follow=true`)],
  ])('%s cost the worker a bounded memory, and others nothing', async (_, open) => {
    const lease = await own.deploy(manifestOf(chatty))
    await own.untilState(lease, 'running')
    const before = used()
    await Promise.all(Array.from({ length: READERS }, () => open(lease)))
    // Long enough for tens of MiB to each of them. What is on its way at a moment, on a busy machine, is
    // more.
    const readings: number[] = []
    for (let second = 0; second < 8; second++) {
      await delay(1_000)
      readings.push(used() - before)
    }
    expect(Math.min(...readings.slice(4))).toBeLessThan(READERS * PER_READER)
    expect((await own.client.lease(lease)).state).toBe('running')
    for (const socket of sockets.splice(0)) socket.destroy()
    await until('their memory is given back', async () => used() - before < 8 * MIB)
    await own.close(lease)
  })
})
