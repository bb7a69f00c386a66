import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { amountsOf, defaultPolicy, orderFor, parseManifest } from '@cloister/core'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type AgentConfig, loadAgentConfig } from '../config.ts'
import { Store } from '../store.ts'
import { Bidder } from './bidder.ts'
import { percentFor } from './offers.ts'
import { priceOrder } from './price.ts'

const ADDRESS = `0x${'11'.repeat(20)}` as const
const USDC = { symbol: 'USDC', decimals: 6, address: ADDRESS }

const all = mkdtempSync(join(tmpdir(), 'cloister-price-'))
afterAll(() => rmSync(all, { recursive: true }))

/** A worker's configuration with prices of a hundredth of a USDC for a CPU, and what is said beside them. */
function configWith(more: object = {}, prices: object = {}): AgentConfig {
  const folder = mkdtempSync(join(all, 'worker-'))
  const file = join(folder, 'provider.yaml')
  const config = {
    name: 'test',
    network: 'network.json',
    folder: 'own',
    listen: { port: 0 },
    endpoint: 'http://127.0.0.1:1',
    capacity: { cpus: 4, memory: '8GiB', disk: '8GiB' },
    executor: { engine: 'sandbox' },
    prices: { USDC: { cpu: '0.36', memoryGiB: '0', diskGiB: '0', ...prices } },
    ...more,
  }
  writeFileSync(file, stringify(config))
  return loadAgentConfig(file)
}

function orderOf(cpus: string, memory: string) {
  const { manifest } = parseManifest(
    `services:\n  web:\n    image: nginx:alpine\n    deploy: { resources: { limits: { cpus: "${cpus}", memory: ${memory} } } }\n`,
    { file: 'compose.yaml' },
  )
  return orderFor(manifest, { tenant: ADDRESS, token: ADDRESS, policy: defaultPolicy(true) })
}

describe('the least deposit', () => {
  it('lasts an hour', async () => {
    expect(await priceOrder(orderOf('1', '64M'), USDC, configWith())).toEqual({
      ratePerSecond: 100n,
      minimumDeposit: 360_000n,
    })
    const config = configWith({ smallest: { seconds: 60 } })
    expect(await priceOrder(orderOf('1', '64M'), USDC, config)).toEqual({
      ratePerSecond: 100n,
      minimumDeposit: 10_000n,
    })
  })

  it('pays for the transactions that a lease’s end takes, however little the lease costs', async () => {
    // A hundredth of a USDC, where an hour costs less.
    expect(
      (await priceOrder(orderOf('0.05', '32M'), USDC, configWith({}, { cpu: '0.02' }))).minimumDeposit,
    ).toBe(10_000n)
    expect(
      (await priceOrder(orderOf('0.05', '32M'), USDC, configWith({}, { cpu: '0.02', minimumDeposit: '0.5' })))
        .minimumDeposit,
    ).toBe(500_000n)
  })

  it('can be what the pricing program says', async () => {
    const script = join(all, 'price.sh')
    writeFileSync(script, '#!/bin/sh\necho \'{"ratePerSecond": "2", "minimumDeposit": "9000"}\'\n', {
      mode: 0o755,
    })
    expect(await priceOrder(orderOf('1', '64M'), USDC, configWith({ bidScript: script }))).toEqual({
      ratePerSecond: 2n,
      minimumDeposit: 9_000n,
    })
  })
})

it('bids on no lease that is smaller than its upkeep is worth', async () => {
  const bidder = bidderOf(configWith())
  await expect(bidder.bid(orderOf('0.01', '6M'))).rejects.toThrow(
    'Its smallest lease is 0.05 CPU and 32 MiB; the order asks for 0.01 CPU and 6 MiB.',
  )
  await expect(bidder.bid(orderOf('1', '31M'))).rejects.toThrow('smallest lease')
  await expect(bidder.bid(orderOf('0.049', '1G'))).rejects.toThrow('smallest lease')
  // What is large enough gets further.
  await expect(bidder.bid(orderOf('0.05', '32M'))).rejects.toThrow('does not know the token')
  await expect(
    bidderOf(configWith({ smallest: { cpus: 0.001, memory: '6MiB' } })).bid(orderOf('0.001', '6M')),
  ).rejects.toThrow('does not know the token')
})

it('lends nothing that no container can start with', () => {
  expect(() => orderOf('1', '5M')).toThrow(
    'The service web asks for 5 MiB of memory, and nothing starts with less than 6 MiB.',
  )
  expect(() => configWith({ smallest: { memory: '5MiB' } })).toThrow(/less than 6 MiB/)
})

it('charges a lease for what works for it beside its containers, and keeps room for that', async () => {
  const prices = { cpu: '0', memoryGiB: '36.864' }
  // 0.01 an hour for a MiB: for 64 MiB and 64 more.
  const { ratePerSecond } = await priceOrder(orderOf('1', '64M'), USDC, configWith({}, prices))
  expect(ratePerSecond).toBe((36_864_000n * 128n) / 1024n / 3600n)
  const bidder = bidderOf(configWith({ capacity: { cpus: 4, memory: '128MiB', disk: '8GiB' } }), [USDC])
  expect(
    amountsOf((await bidder.bid(orderOf('1', '64M'))).room, {
      cpuMilli: 4000,
      memoryMiB: 128,
      diskMiB: 8192,
      gpus: 0,
    }).memoryMiB,
  ).toBe(128)
  await expect(bidder.bid(orderOf('1', '65M'))).rejects.toThrow(
    'It has 128 MiB of memory free; the order needs 129 MiB, 64 MiB of it for what works beside its containers.',
  )
})

it('bids where its GPUs are of a kind that is asked for, and says what they are where they are not', async () => {
  const order = (options: string) => {
    const { manifest } = parseManifest(
      `services: { web: { image: a, deploy: { resources: { reservations: { devices: [{ count: 1, capabilities: [gpu], options: ${options} }] } } } } }`,
      { file: 'compose.yaml' },
    )
    return orderFor(manifest, { tenant: ADDRESS, token: ADDRESS, policy: defaultPolicy(true) })
  }
  const capacity = { cpus: 4, memory: '8GiB', disk: '8GiB', gpus: 2, gpuClass: 'a100' }
  const attributes = { 'gpu-ram': '80Gi', 'gpu-interface': 'pcie' }
  const bidder = bidderOf(configWith({ capacity, attributes }, { gpu: { a100: '1' } }), [USDC])
  expect(await bidder.bid(order('{ model: "h100,a100", memory: 80Gi, interface: pcie }'))).toBeDefined()
  await expect(bidder.bid(order('{ model: a100, interface: sxm }'))).rejects.toThrow(
    'The order asks for a100 sxm; here is a100 with 80 GiB, pcie.',
  )
  await expect(bidder.bid(order('{ model: h100 }'))).rejects.toThrow('asks for h100; here is a100.')
  const unsaid = bidderOf(configWith({ capacity }, { gpu: { a100: '1' } }), [USDC])
  await expect(unsaid.bid(order('{ memory: 80Gi }'))).rejects.toThrow('memory nobody states')
})

describe('an interruptible lease', () => {
  const interruptible = { notice: '10m', percent: 45 }
  /** Of a worker with four CPUs, of somebody who accepts so many seconds of notice. */
  const bidOf = (more: object, noticeSeconds?: number, cpus = '1') =>
    bidderOf(configWith(more), [USDC]).bid({
      ...orderOf(cpus, '64M'),
      ...(noticeSeconds !== undefined && { noticeSeconds }),
    })

  it('is for those who accept its notice, for its part of the price', async () => {
    const reserved = { ratePerSecond: 100n, noticeMinutes: 0 }
    expect(await bidOf({ interruptible }, 600)).toMatchObject({ ratePerSecond: 45n, noticeMinutes: 10 })
    expect(await bidOf({ interruptible }, 60)).toMatchObject({ ratePerSecond: 45n, noticeMinutes: 10 })
    expect(await bidOf({ interruptible }, 601)).toMatchObject(reserved)
    expect(await bidOf({ interruptible })).toMatchObject(reserved)
    expect(await bidOf({}, 60)).toMatchObject(reserved)
    // Rounded up, so that nothing is lent for nothing.
    expect(await bidOf({ interruptible: { notice: '1m', percent: 1 } }, 60, '0.05')).toMatchObject({
      ratePerSecond: 1n,
    })
  })

  it('leaves free what is kept for reserved ones', async () => {
    const keeping = (cpus: number) => ({ interruptible: { ...interruptible, keepFree: { cpus } } })
    expect(await bidOf(keeping(3), 600)).toMatchObject({ noticeMinutes: 10 })
    expect(await bidOf(keeping(3.5), 600)).toMatchObject({ ratePerSecond: 100n, noticeMinutes: 0 })
    expect(
      await bidOf({ interruptible: { ...interruptible, keepFree: { memory: '8GiB' } } }, 600),
    ).toMatchObject({
      noticeMinutes: 0,
    })
  })

  it('costs the same part in another size', () => {
    const config = configWith({ interruptible })
    expect([0, 5, 10, 11, 1440].map((minutes) => percentFor(minutes, config))).toEqual([
      100, 45, 45, 100, 100,
    ])
    expect(percentFor(5, configWith())).toBe(100)
  })

  it('and a reserved one, can have as much notice as the provider says', async () => {
    const notice = '3d'
    expect(await bidOf({ notice, interruptible }, 172_800)).toMatchObject({
      ratePerSecond: 100n,
      noticeMinutes: 4_320,
    })
    await expect(bidOf({ notice }, 300_000)).rejects.toThrow(
      'It gives 3d of notice, and the order asks for 3d 11h.',
    )
    expect(configWith({ notice, interruptible })).toMatchObject({
      noticeMinutes: 4_320,
      interruptible: { noticeMinutes: 10 },
    })
    for (const wrong of ['90s', '0', 'soon', '46d'])
      expect(() => configWith({ notice: wrong })).toThrow(/45 days/)
  })
})

function bidderOf(config: AgentConfig, tokens: (typeof USDC)[] = []): Bidder {
  return new Bidder({
    config,
    // Nothing else of it is asked for a bid.
    network: { chainId: 31337, contracts: { market: ADDRESS }, tokens } as never,
    store: new Store(join(config.folder, 'store.sqlite')),
    key: privateKeyToAccount(`0x${'01'.repeat(32)}`),
    privateNetworks: false,
    separateNetworks: true,
    attestor: { alarm: undefined },
  })
}
