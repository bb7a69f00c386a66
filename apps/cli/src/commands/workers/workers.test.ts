import { CloisterError } from '@cloister/core'
import { workerOfRecord } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { fakeCloister, PROVIDER, typed, typedJson, USDC, WORKER } from '../../testing.ts'
import { addWorkers } from './commands.ts'

const room = { cpuMilli: 4000, memoryMiB: 8192, diskMiB: 20_480, gpus: 0 }
const report = {
  name: 'worker-a\x1b[2J',
  free: { ...room, cpuMilli: 1000 },
  prices: { USDC: { cpu: '0.02', memoryGiB: '0.005' } },
  isolation: { engine: 'sandbox', enforced: [], missing: [] },
  attributes: {},
}
const worker = (changes: object = {}) => ({
  worker: WORKER,
  provider: PROVIDER,
  ...room,
  gpuClass: '',
  coveredUntil: Date.now() / 1000 + 3600,
  retired: false,
  uptime: 0.995,
  registeredAt: 0,
  openLeases: 2,
  leasesServed: 40,
  attestation: 'attested',
  ...changes,
})

let workers: object[]
let answer: () => Promise<object>

beforeEach(() => {
  workers = [worker()]
  answer = async () => report
  const earned = [
    { token: USDC, amount: '1500000' },
    { token: WORKER, amount: '7' },
  ]
  const providers = [
    {
      ...room,
      provider: PROVIDER,
      coveredWorkers: 1,
      workers: 2,
      uptime: 0.5,
      openLeases: 3,
      leasesServed: 41,
      refusedLeases: 1,
      earned,
    },
  ]
  const index = { workers: async () => workers, providers: async () => providers }
  vi.mocked(connect).mockReturnValue(fakeCloister({ index }))
  vi.mocked(workerOfRecord).mockImplementation(
    () => ({ report: () => answer() }) as unknown as ReturnType<typeof workerOfRecord>,
  )
})

describe('workers', () => {
  it('shows what each has, has free and asks, as it says itself', async () => {
    const { out } = await typed(addWorkers, 'workers')
    expect(out).toMatch(
      /0x90F79b…b906 +worker-a\[2J +0x709979…79C8 +up +4 CPU .* 1 CPU .* 0\.02, 0\.005 +99\.5% +2 +40 +attested\n/,
    )
  })

  it('says of one that does not answer, is not covered or retired, that it is so', async () => {
    answer = async () => {
      throw new CloisterError('unreachable', 'It does not answer.')
    }
    workers = [worker(), worker({ coveredUntil: 0 }), worker({ retired: true })]
    const { out, exitCode } = await typed(addWorkers, 'workers')
    expect(out).toMatch(/unreachable[\s\S]*away[\s\S]*retired/)
    expect(exitCode).toBe(0)
    const { json } = await typedJson(addWorkers, 'workers')
    expect(json).toHaveLength(3)
    expect(json[0]).not.toHaveProperty('name')
  })

  it('says of GPUs that others did not confirm', async () => {
    workers = [
      worker({ gpus: 2, gpuClass: 'h100' }),
      worker({ gpus: 2, gpuClass: 'h100', confirmedGpus: { gpuClass: 'h100', gpus: 2 } }),
    ]
    const { out } = await typed(addWorkers, 'workers')
    expect(out.match(/2 × h100 \(not confirmed\)/g)).toHaveLength(1)
  })

  it('shows those with GPUs that would do, by model, memory and form', async () => {
    workers = [worker(), worker({ gpus: 2, gpuClass: 'a100' })]
    answer = async () => ({ ...report, attributes: { 'gpu-ram': '80Gi', 'gpu-interface': 'pcie' } })
    const found = async (gpu: string) => (await typedJson(addWorkers, 'workers', '--gpu', gpu)).json
    expect(await found('a100,memory=80Gi,interface=pcie')).toMatchObject([{ gpuClass: 'a100' }])
    expect(await found('memory=40Gi')).toHaveLength(1)
    expect(await found('a100,interface=sxm')).toEqual([])
    expect(await found('h100')).toEqual([])
    expect((await typed(addWorkers, 'workers')).out).toContain('2 × a100 80Gi pcie (not confirmed)')
    expect(await typed(addWorkers, 'workers', '--gpu', 'ram=80')).toMatchObject({
      err: expect.stringContaining('GPUs are described as'),
      exitCode: 1,
    })
  })

  it('says that nobody has such GPUs, and which there are', async () => {
    const show = async (...words: string[]) => (await typed(addWorkers, 'workers', ...words)).out
    expect(await show('--gpu', 'h100')).toBe('No worker has GPUs that would do for h100: none has any.\n')
    workers = [
      worker(),
      worker({ gpus: 2, gpuClass: 'a100' }),
      worker({ gpus: 1, gpuClass: 'a100' }),
      worker({ gpus: 1, gpuClass: 'h100', retired: true }),
      worker({ gpus: 8, gpuClass: 'l40s', confirmedGpus: { gpuClass: 'l40s', gpus: 8 } }),
    ]
    answer = async () => ({ ...report, attributes: { 'gpu-ram': '80Gi' } })
    expect(await show('--gpu', 'model=h200,interface=sxm')).toBe(
      'No worker has GPUs that would do for model=h200,interface=sxm. There are:\n' +
        '  a100 80Gi (not confirmed), on 2 workers\n  l40s 80Gi, on 1 worker\n',
    )
    expect((await typedJson(addWorkers, 'workers', '--gpu', 'h200')).json).toEqual([])
    workers = []
    expect(await show()).toBe('No worker is registered.\n')
  })

  it('says what leases with less notice cost there', async () => {
    answer = async () => ({ ...report, interruptible: { noticeSeconds: 600, percent: 40 } })
    expect((await typed(addWorkers, 'workers')).out).toContain('0.02, 0.005; 40% with 10m of notice')
    const { json } = await typedJson(addWorkers, 'workers')
    expect(json[0].interruptible).toEqual({ noticeSeconds: 600, percent: 40 })
  })

  it('gives programs the index’s words and the worker’s own', async () => {
    expect((await typedJson(addWorkers, 'workers')).json).toMatchObject([
      { worker: WORKER, uptime: 0.995, free: { cpuMilli: 1000 }, prices: report.prices },
    ])
  })

  it('says that the index does not answer', async () => {
    const index = {
      workers: async () => {
        throw new CloisterError('unreachable', 'The index does not answer.')
      },
    }
    vi.mocked(connect).mockReturnValue(fakeCloister({ index }))
    expect(await typed(addWorkers, 'workers')).toMatchObject({
      err: '✘ The index does not answer.\n',
      exitCode: 1,
    })
  })
})

describe('providers', () => {
  it('shows the record of each, and only money of tokens that are known', async () => {
    const { out } = await typed(addWorkers, 'providers')
    expect(out).toMatch(new RegExp(`${PROVIDER} +1 of 2 up +4 CPU +8 GiB +0 +50\\.0% +3 +41 +1 +1\\.5 USDC`))
    expect((await typedJson(addWorkers, 'providers')).json).toMatchObject([
      { provider: PROVIDER, workers: 2 },
    ])
  })
})
