import { join } from 'node:path'
import { hashManifest, parseManifest } from '@cloister/core'
import { leases } from '@cloister/sdk'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import { fakeCloister, folderWith, LEASE, typed, typedJson, USDC_TOKEN } from '../../testing.ts'
import { addLeases } from './commands.ts'

const { manifest } = parseManifest('services: { web: { image: a } }', { file: 'compose.yaml' })
const resized = { lease: LEASE, ratePerSecond: 2n, previousRatePerSecond: 10n }
const offer = {
  lease: LEASE,
  manifest,
  bid: { ratePerSecond: 2n, manifestHash: '0x02' },
  before: { ratePerSecond: 10n, manifestHash: '0x01' },
  order: { resources: { cpuMilli: 1, memoryMiB: 6, diskMiB: 20_480, gpus: 0 } },
  token: USDC_TOKEN,
  balance: 7_200n,
  leastAdded: 0n,
}

beforeEach(() => {
  vi.stubEnv('CLOISTER_HOME', folderWith())
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(leases.findLease).mockResolvedValue({ lease: LEASE, token: USDC_TOKEN.address } as never)
  vi.mocked(leases.pauseBid).mockResolvedValue(offer as never)
  vi.mocked(leases.resumeBid).mockResolvedValue(offer as never)
  vi.mocked(leases.pause).mockResolvedValue(resized as never)
  vi.mocked(leases.resume).mockResolvedValue(resized as never)
})
afterEach(() => vi.unstubAllEnvs())

describe('pause and resume', () => {
  it('say what it costs before and then, and run what was paused', async () => {
    const paused = await typed(addLeases, 'pause', 'shop', '-y')
    expect(paused.err).toMatch(/now +0\.036 USDC an hour/)
    expect(paused.err).toMatch(/then +.*20 GiB.*0\.0072 USDC an hour/)
    expect(paused.out).toContain('Its volumes stay, for 0.0072 USDC an hour.')
    const { out } = await typed(addLeases, 'resume', 'shop', '-y')
    expect(out).toContain('runs again')
    expect(vi.mocked(leases.resumeBid).mock.calls[0]?.[2]).toBe(hashManifest(manifest))
    // What was paused is known until it runs again.
    expect((await typed(addLeases, 'resume', 'shop', '-y')).err).toContain('was not paused from here')
  })

  it('take no price that nobody saw: what it cost before, or what is said', async () => {
    const ceiling = () => vi.mocked(leases.resumeBid).mock.lastCall?.[3]?.maxRatePerSecond
    await typed(addLeases, 'pause', 'shop', '-y')
    // Once more, while it is paused: what it cost before is known still.
    const again = { ...offer, isPaused: true, before: { ratePerSecond: 2n, manifestHash: '0x02' } }
    vi.mocked(leases.pauseBid).mockResolvedValue(again as never)
    vi.mocked(leases.pause).mockClear()
    const { out, exitCode } = await typed(addLeases, 'pause', 'shop', '-y')
    expect(out).toContain('shop is paused already, for 0.0072 USDC an hour.')
    expect(exitCode).toBe(0)
    expect(leases.pause).not.toHaveBeenCalled()
    await typed(addLeases, 'pause', 'shop', '--json')
    vi.mocked(leases.resume).mockRejectedValue(new Error('it died'))
    await typed(addLeases, 'resume', 'shop', '--json')
    expect(ceiling()).toBe(10n)
    await typed(addLeases, 'resume', 'shop', '-y', '--max-price', '0.072')
    expect(ceiling()).toBe(20n)
    expect(vi.mocked(leases.resume).mock.lastCall?.[3]?.added).toBeUndefined()
    // Who sees the price may take any.
    vi.mocked(confirm).mockResolvedValue(true)
    await typed(addLeases, 'resume', 'shop')
    expect([ceiling(), vi.mocked(leases.resume).mock.lastCall?.[3]?.added]).toEqual([undefined, 0n])
    vi.stubEnv('CLOISTER_HOME', folderWith())
    const file = join(folderWith({ 'compose.yaml': 'services: { web: { image: a } }' }), 'compose.yaml')
    expect((await typed(addLeases, 'resume', 'shop', file, '-y')).err).toContain('--max-price')
  })

  it('change nothing where the answer is no', async () => {
    vi.mocked(confirm).mockResolvedValue(false)
    const { err, exitCode } = await typed(addLeases, 'pause', 'shop')
    expect(err).toContain('Nothing was changed.')
    expect(exitCode).toBe(1)
    expect(leases.pause).not.toHaveBeenCalled()
  })

  it('give programs what they did', async () => {
    const { json } = await typedJson(addLeases, 'pause', 'shop')
    expect(json).toMatchObject({ lease: LEASE, ratePerSecond: '2' })
  })
})
