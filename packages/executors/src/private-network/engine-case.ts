// Two leases of any engine on a private network.

import { generateKeyPairSync } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import type { ContainerSpec, Executor } from '../executor.ts'
import { runIn } from '../testing.ts'
import { PrivateLinks } from './private-link.ts'

const PREFIX = 'fd12:3456:789a'

/**
 * Starts a container of each of two leases, joins them, and asks one from the other by name: before and
 * after it was started anew. `specs` are of two leases, the first of which serves HTTP on port 8080.
 */
export async function joinTwoLeases(
  executor: Executor,
  folder: string,
  specs: [ContainerSpec, ContainerSpec],
): Promise<void> {
  const { privateNetworks } = executor
  if (!privateNetworks) throw new Error('the engine has no private networks here')
  const links = new PrivateLinks(join(folder, 'tunnels'))
  const keys = specs.map(() => generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' }))
  const ports = await Promise.all(specs.map(freePort))
  const hex = (text: string | undefined) => Buffer.from(text ?? '', 'base64url').toString('hex')
  const connect = async () => {
    for (const [own, { lease }] of specs.entries()) {
      const place = await vi.waitFor(async () => {
        const [found] = await privateNetworks.places(lease)
        expect(found?.containers).toEqual(['web-0'])
        return found
      })
      if (!place) throw new Error('it has no place')
      const wireGuard = await links.open(lease, place, {
        privateKey: hex(keys[own]?.d),
        port: ports[own] ?? 0,
        ipv6: `${PREFIX}::${own + 1}`,
        ipv4: `100.64.0.${own + 1}`,
        routes: [`${PREFIX}::/48`, '100.64.0.0/10'],
        limits: { mibPerSecond: 64 },
      })
      const [other, key] = [1 - own, hex(keys[1 - own]?.x)]
      await wireGuard.setPeers([{ key, addresses: [`${PREFIX}::${other + 1}`, `100.64.0.${other + 1}`] }])
      await wireGuard.setEndpoint(key, `127.0.0.1:${ports[other]}`)
      await privateNetworks.setHosts(lease, [`${PREFIX}::1 six.first`, '100.64.0.1 four.first'])
    }
  }
  const [first, second] = specs
  const ask = (host: string) =>
    runIn(executor, second, [
      'node',
      '-e',
      `fetch('http://${host}:8080').then(async (r) => console.log(await r.text()), ({ cause }) => console.log(cause.code))`,
    ])
  try {
    for (const spec of specs) await executor.start(spec)
    expect((await ask('six.first')).output).toContain('ENOTFOUND')
    await connect()
    const reached = async (host: string) =>
      vi.waitFor(async () => expect((await ask(host)).output).toContain('hello from'), 15_000)
    await reached('six.first')
    await reached('four.first')
    await executor.stop(second.lease, second.name, 0)
    await executor.restart(second.lease, second.name)
    await connect()
    await reached('six.first')
  } finally {
    for (const id of await links.all()) await links.close(id)
    for (const { lease, name } of [first, second]) await executor.remove(lease, name)
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}
