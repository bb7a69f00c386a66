import { CloisterError, parseManifest } from '@cloister/core'
import { leases, type Resized, type ResizeOffer } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import {
  composeFile,
  fakeCloister,
  LEASE,
  TRANSACTION,
  typed,
  typedJson,
  USDC,
  USDC_TOKEN,
} from '../../testing.ts'
import { addLeases } from './commands.ts'

const running = parseManifest(
  'services:\n  web: { image: x, cpus: 0.5, mem_limit: 256m, volumes: ["data:/data"] }\nvolumes:\n  data: { x-size: 1g }\n',
  { file: 'compose.yaml' },
).manifest
const offer = {
  lease: LEASE,
  order: { resources: { cpuMilli: 2000, memoryMiB: 4096, diskMiB: 21_504, gpus: 0, gpuModels: [] } },
  bid: { ratePerSecond: 20n, minimumBalance: 0n },
  token: USDC_TOKEN,
  before: { ratePerSecond: 5n, room: 1n, manifestHash: LEASE },
  balance: 72_000n,
  leastAdded: 0n,
} as unknown as ResizeOffer
const resized: Resized = {
  lease: LEASE,
  manifestHash: LEASE,
  previousManifestHash: LEASE,
  ratePerSecond: 20n,
  previousRatePerSecond: 5n,
  added: 0n,
  transaction: TRANSACTION,
  handedOver: true,
}
const asked = () => vi.mocked(leases.resize).mock.calls[0]
const resize = (...words: string[]) => typed(addLeases, 'resize', 'shop', ...words)

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(confirm).mockResolvedValue(true)
  vi.mocked(leases.findLease).mockResolvedValue({ lease: LEASE, token: USDC } as never)
  vi.mocked(leases.manifestOf).mockResolvedValue(running)
  vi.mocked(leases.resizeBid).mockResolvedValue(offer)
  vi.mocked(leases.resize).mockResolvedValue(resized)
})

describe('resize', () => {
  it('shows both sizes and prices, asks, and says what the lease has then', async () => {
    const { out, err, exitCode } = await resize('--cpu', '2', '--memory', '4g', '--disk', '20g')
    expect(err).toContain('now   0.5 CPU · 256 MiB memory')
    expect(err).toContain('0.018 USDC an hour')
    expect(err).toContain('then  2 CPU · 4 GiB memory · 21 GiB disk, 0.072 USDC an hour')
    expect(err).toContain('The lease holds 0.072 USDC, which lasts 1h then.')
    expect(out).toContain('● The lease has 2 CPU · 4 GiB memory · 21 GiB disk, for 0.072 USDC an hour.\n')
    expect(out).toContain('Put the new size into your file as well')
    expect(confirm).toHaveBeenCalledOnce()
    expect(exitCode).toBe(0)
    expect(asked()?.[2]).toMatchObject({
      services: {
        web: { image: 'x', resources: { cpuMilli: 2000, memoryMiB: 4096 } },
      },
      volumes: { data: { sizeMiB: 20_480 } },
    })
    expect(asked()?.[3]).toMatchObject({ offer, added: 0n, maxRatePerSecond: 20n })
  })

  it('takes a changed file, a ceiling, a policy, a time and money', async () => {
    await resize(
      composeFile(),
      ...['--max-price', '0.036', '--policy', 'root=intel', '--timeout', '90s', '--add', '1.5', '--yes'],
    )
    expect(confirm).not.toHaveBeenCalled()
    expect(vi.mocked(leases.resizeBid).mock.calls[0]?.[3]).toMatchObject({
      maxRatePerSecond: 10n,
      policy: { roots: ['intel'] },
    })
    expect(asked()?.[2].services).toMatchObject({ web: { image: 'nginx:alpine' } })
    expect(asked()?.[3]).toMatchObject({ maxRatePerSecond: 10n })
    expect(asked()?.[3]).toMatchObject({ added: 1_500_000n, timeoutMs: 90_000, policy: { roots: ['intel'] } })
  })

  it('adds what the worker asks for where that was agreed to, and leaves it to what is ordinary else', async () => {
    vi.mocked(leases.resizeBid).mockResolvedValue({ ...offer, leastAdded: 500_000n })
    const { err } = await resize('--memory', '4g')
    expect(err).toContain('0.5 USDC is added; the lease holds 0.572 USDC then')
    expect(err).toContain('The worker asks that it holds that much.')
    expect(asked()?.[3]).toMatchObject({ added: 500_000n })
    vi.mocked(leases.resize).mockClear()
    await resize('--memory', '4g', '--yes')
    expect(asked()?.[3]?.added).toBeUndefined()
    // Nobody was shown a price, so what is ordinary bounds it.
    expect(asked()?.[3]?.maxRatePerSecond).toBeUndefined()
  })

  it('changes nothing where it was not agreed to, or the worker declines', async () => {
    vi.mocked(confirm).mockResolvedValue(false)
    const { err, exitCode } = await resize('--memory', '4g')
    expect(err).toContain('Nothing was changed.')
    expect(exitCode).toBe(1)
    const reason = 'It has 1 GiB of memory free; the order needs 4 GiB.'
    vi.mocked(leases.resizeBid).mockRejectedValue(
      new CloisterError('no-bid', reason, { hint: 'Ask for less, or deploy it as a new lease.' }),
    )
    const declined = await resize('--memory', '4g')
    expect(declined.err).toContain(`✘ ${reason}`)
    expect(declined.err).toContain('Ask for less')
    expect(leases.resize).not.toHaveBeenCalled()
  })

  it('says that there is nothing to do', async () => {
    vi.mocked(leases.resize).mockResolvedValue({ ...resized, transaction: undefined, handedOver: false })
    expect((await resize('--memory', '256m')).out).toBe('The lease has that size and price already.\n')
  })

  it('gives programs everything, and asks nobody', async () => {
    const { json, exitCode } = await typedJson(addLeases, 'resize', 'shop', '--memory', '4g')
    expect(json).toEqual({ ...resized, ratePerSecond: '20', previousRatePerSecond: '5', added: '0' })
    expect(exitCode).toBe(0)
    expect(confirm).not.toHaveBeenCalled()
  })

  it.each([
    [['compose.yaml', '--memory', '4g'], 'Name a file, or say sizes'],
    [['--service', 'web'], 'Say what is to have another size'],
    [['--service', 'db', '--memory', '4g'], 'The lease has no service db. It has: web.'],
    [['--memory', 'much'], 'much'],
    [['--gpus', 'two'], '--gpus takes a whole number'],
    [['--memory', '4g', '--timeout', 'soon'], 'soon'],
  ])('asks for no bid with %j', async (words, expected) => {
    const { err, exitCode } = await resize(...words)
    expect(err).toContain(expected)
    expect(exitCode).toBe(1)
    expect(leases.resizeBid).not.toHaveBeenCalled()
  })
})
