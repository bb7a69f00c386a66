import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultPolicy, orderFor, parseManifest } from '@cloister/core'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type AgentConfig, loadAgentConfig } from '../config.ts'
import { Store } from '../store.ts'
import { Bidder } from './bidder.ts'
import { priceOrder } from './price.ts'

const ADDRESS = `0x${'11'.repeat(20)}` as const
const USDC = { symbol: 'USDC', decimals: 6, address: ADDRESS }

/** A worker's configuration with prices of a hundredth of a USDC for a CPU, and what is said beside them. */
function configWith(more: object = {}, prices: object = {}): AgentConfig {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-price-'))
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
    expect(await priceOrder(orderOf('1', '64M'), USDC, configWith())).toEqual({ ratePerSecond: 100n, minimumDeposit: 360_000n })
    const config = configWith({ smallest: { seconds: 60 } })
    expect(await priceOrder(orderOf('1', '64M'), USDC, config)).toEqual({ ratePerSecond: 100n, minimumDeposit: 10_000n })
  })

  it('pays for the transactions that a lease’s end takes, however little the lease costs', async () => {
    // A hundredth of a USDC, where an hour costs less.
    expect((await priceOrder(orderOf('0.05', '32M'), USDC, configWith({}, { cpu: '0.02' }))).minimumDeposit).toBe(10_000n)
    expect((await priceOrder(orderOf('0.05', '32M'), USDC, configWith({}, { cpu: '0.02', minimumDeposit: '0.5' }))).minimumDeposit).toBe(500_000n)
  })

  it('can be what the pricing program says', async () => {
    const script = join(mkdtempSync(join(tmpdir(), 'cloister-price-')), 'price.sh')
    writeFileSync(script, '#!/bin/sh\necho \'{"ratePerSecond": "2", "minimumDeposit": "9000"}\'\n', { mode: 0o755 })
    expect(await priceOrder(orderOf('1', '64M'), USDC, configWith({ bidScript: script }))).toEqual({ ratePerSecond: 2n, minimumDeposit: 9_000n })
  })
})

it('bids on no lease that is smaller than its upkeep is worth', async () => {
  const bidderOf = (config: AgentConfig) =>
    new Bidder({
      config,
      // Nothing of them is asked before an order is turned down.
      network: { tokens: [] } as never,
      store: new Store(join(config.folder, 'store.sqlite')),
      key: { address: ADDRESS } as never,
      separateNetworks: true,
      attestor: { alarm: undefined },
    })
  const bidder = bidderOf(configWith())
  await expect(bidder.bid(orderOf('0.01', '1M'))).rejects.toThrow('Its smallest lease is 0.05 CPU and 32 MiB; the order asks for 0.01 CPU and 1 MiB.')
  await expect(bidder.bid(orderOf('1', '31M'))).rejects.toThrow('smallest lease')
  await expect(bidder.bid(orderOf('0.049', '1G'))).rejects.toThrow('smallest lease')
  // What is large enough gets further.
  await expect(bidder.bid(orderOf('0.05', '32M'))).rejects.toThrow('does not know the token')
  await expect(bidderOf(configWith({ smallest: { cpus: 0.001, memory: '1MiB' } })).bid(orderOf('0.001', '1M'))).rejects.toThrow('does not know the token')
})
