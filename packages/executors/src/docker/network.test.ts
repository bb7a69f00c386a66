import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import Docker from 'dockerode'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { ContainerSpec } from '../executor.ts'
import type { BridgeFilter } from '../network/bridge-filter.ts'
import { Names } from './names.ts'
import { LeaseNetworks } from './network.ts'

const LEASE = `0x${'ab'.repeat(32)}`

let folder: string
let engine: Server
let networks: LeaseNetworks
/** Names of networks that the engine lists, and bridges that it has, or makes just now. */
let listed: string[]
let bridges: string[]
/** Ends the making of the network that is being made. */
let finish: (() => void)[]
/** Methods of requests that it was sent. */
let asked: (string | undefined)[]

/**
 * A fake of Docker's engine, as libnetwork makes networks: a bridge is taken at once, and the network is in
 * the list only once all of it is made; whoever wants the same bridge meanwhile is refused.
 */
beforeEach(async () => {
  ;[listed, bridges, finish, asked] = [[], [], [], []]
  folder = mkdtempSync(join(tmpdir(), 'cloister-networks-'))
  engine = createServer(async (request, response) => {
    asked.push(request.method)
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (request.method === 'GET')
      return answer(
        200,
        listed.map((Name) => ({ Name })),
      )
    const { Name, Options } = JSON.parse(await text(request))
    const bridge = Options['com.docker.network.bridge.name']
    if (listed.includes(Name)) return answer(409, { message: `network with name ${Name} already exists` })
    if (bridges.includes(bridge)) return answer(403, { message: 'networks have same bridge name' })
    bridges.push(bridge)
    finish.push(() => {
      listed.push(Name)
      answer(201, { Id: Name })
    })
  })
  const socketPath = join(folder, 'docker.sock')
  await new Promise<void>((resolve) => engine.listen(socketPath, resolve))
  const filter = { admit: async () => {}, bridgeOf: (lease: string) => `clo${lease.slice(2, 10)}` }
  networks = new LeaseNetworks(
    new Docker({ socketPath }),
    new Names({ scope: 'test', folder }),
    filter as unknown as BridgeFilter,
  )
})

afterEach(async () => {
  engine.closeAllConnections()
  await new Promise((resolve) => engine.close(resolve))
  rmSync(folder, { recursive: true })
})

it('containers of a lease that start at one moment wait for the one network that is being made', async () => {
  const spec = { lease: LEASE } as ContainerSpec
  const all = Promise.all([spec, spec, spec].map((one) => networks.ensure(one)))
  // Rejected at once where one of them is refused.
  await Promise.race([all, expect.poll(() => finish.length).toBe(1)])
  const late = networks.ensure(spec)
  finish[0]?.()
  const names = [...(await all), await late]
  expect(new Set(names)).toEqual(new Set(listed))
  expect(asked).toEqual(['GET', 'POST'])
  expect(bridges).toEqual(['cloabababab'])
  // One that is there is looked for, and not made.
  expect(await networks.ensure(spec)).toBe(listed[0])
  expect(asked).toEqual(['GET', 'POST', 'GET'])
})
