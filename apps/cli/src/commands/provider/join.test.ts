import { enrolWorker, type RunningWorker, startWorker } from '@cloister/agent'
import {
  delegate,
  getClassWeight,
  getCollateralPerGpu,
  getConfirmedGpus,
  getLockedFor,
  getPool,
  getPosition,
  getTokenBalance,
  readFeePrices,
  syncCollateral,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { onceAbandoned } from '@cloister/operations/stop'
import { giveBackAfterStart } from '@cloister/packed'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect, findNetwork } from '../../context.ts'
import { ACCOUNT, CLOI, fakeCloister, folderWith, LAYER2_PRICES, typed } from '../../testing.ts'
import { addProvider } from './commands.ts'
import { checkCollateral } from './join.ts'

const GPUS = ['--gpus', '2', '--gpu-class', 'h100']

let stop: ReturnType<typeof vi.fn<() => Promise<void>>>
/** CLOI that the account has, and what the chain wants for a GPU. */
let held: bigint
let perGpu: bigint
let bid: () => Promise<{ ratePerSecond: bigint }>

const join = (...words: string[]) =>
  typed(addProvider, 'provider', 'join', '-c', `${folderWith()}/provider.yaml`, ...words)
const started = () => vi.mocked(startWorker).mock.calls[0]

beforeEach(() => {
  held = 10_000n * CLOI
  perGpu = 1_250n * CLOI
  bid = async () => ({ ratePerSecond: 100n })
  stop = vi.fn(async () => {})
  const epoch = { closed: true, weight: 60, budget: (8n * CLOI).toString() }
  const index = { epochs: async () => [epoch] }
  vi.mocked(connect).mockReturnValue(fakeCloister({ index }))
  vi.mocked(findNetwork).mockReturnValue('/networks/network.json')
  vi.mocked(confirm).mockResolvedValue(true)
  vi.mocked(onceAbandoned).mockImplementation(() => {})
  vi.mocked(giveBackAfterStart).mockImplementation(() => {})
  vi.mocked(enrolWorker).mockResolvedValue('registered')
  vi.mocked(startWorker).mockImplementation(
    async () => ({ stop, worker: { bidder: { bid: () => bid() } } }) as unknown as RunningWorker,
  )
  vi.mocked(getCollateralPerGpu).mockImplementation(async () => perGpu)
  vi.mocked(getPosition).mockResolvedValue({ shares: 0n, worth: 0n })
  vi.mocked(getPool).mockResolvedValue({ assets: 0n, locked: 0n } as Awaited<ReturnType<typeof getPool>>)
  vi.mocked(getTokenBalance).mockImplementation(async () => held)
  vi.mocked(getLockedFor)
    .mockResolvedValueOnce(0n)
    .mockResolvedValue(2_500n * CLOI)
  vi.mocked(getClassWeight).mockResolvedValue(10)
  vi.mocked(getConfirmedGpus).mockResolvedValue({ gpuClass: 'h100', gpus: 2 })
  const receipt = {} as Awaited<ReturnType<typeof syncCollateral>>
  vi.mocked(delegate).mockResolvedValue({ shares: 1n, receipt })
  vi.mocked(syncCollateral).mockResolvedValue(receipt)
})

describe('provider join', () => {
  it('says what each step does and costs, asks, and then does it', async () => {
    vi.mocked(confirm).mockImplementation(async () => {
      expect(enrolWorker).not.toHaveBeenCalled()
      return true
    })
    const { out, err, exitCode } = await join('--no-run', ...GPUS)
    expect(out).toMatch(/register +the worker 0x\w{40} for .* 0\.05 ETH, 0\.\d+ ETH gas\n/)
    expect(out).toMatch(/stake +CLOI for your own pool\. .* 2,?500 CLOI/)
    expect(out).toMatch(/2 × h100 would earn 2 CLOI an hour/)
    expect(out).toMatch(new RegExp(`The worker 0x\\w{40} earns for ${ACCOUNT}\\.`))
    expect(out).toContain('It bids 0.36 USDC an hour for a tenth of a CPU and 64 MiB.')
    expect(out).toMatch(/2 × h100 earn emission from the next full hour on, with 2,?500 CLOI locked/)
    for (const step of ['register', 'stake', 'attest', 'GPUs', 'collateral', 'first bid'])
      expect(err).toMatch(new RegExp(`✔ ${step} `))
    expect(vi.mocked(delegate).mock.calls[0]?.slice(1)).toEqual([ACCOUNT, 2_500n * CLOI])
    expect(stop).toHaveBeenCalledOnce()
    expect(exitCode).toBe(0)
  })

  it('says what of the costs is data on a layer 2, and tells programs in wei', async () => {
    vi.mocked(readFeePrices).mockResolvedValue(LAYER2_PRICES)
    const { out } = await join('--no-run', ...GPUS)
    expect(out).toMatch(
      /layer 2 now: 0\.\d+ ETH at first and 0\.\d+ ETH an hour, of which .* for data on layer 1, and .* operator takes\.\n/,
    )
    const { costs } = JSON.parse((await join('--no-run', '--yes', '--json', ...GPUS, '--stake', '2500')).out)
    expect(costs).toMatchObject({ once: { operator: '25' }, hourly: { operator: '20' } })
  })

  it('does nothing where the answer is no', async () => {
    vi.mocked(confirm).mockResolvedValue(false)
    const { err, exitCode } = await join('--no-run')
    expect(err).toContain('✘ Nothing was done.')
    expect(exitCode).toBe(1)
    expect(enrolWorker).not.toHaveBeenCalled()
    expect(startWorker).not.toHaveBeenCalled()
  })

  it('stakes nothing without GPUs, and tells programs what it did', async () => {
    const { out, err } = await join('--no-run', '--yes', '--json')
    expect(JSON.parse(out)).toMatchObject({
      provider: ACCOUNT,
      enrolled: 'registered',
      staked: '0',
      collateral: '0',
      ratePerSecond: '100',
    })
    expect(err).toBe('')
    expect(delegate).not.toHaveBeenCalled()
    expect(confirm).not.toHaveBeenCalled()
  })

  it('says what a provider lacks, before it asks', async () => {
    held = 1_000n * CLOI
    const { err, exitCode } = await join('--no-run', ...GPUS)
    expect(err).toMatch(
      /✘ 0x\w{40} has 1,?000 CLOI; its pool needs 2,?500 CLOI more\.\n {2}On the development/,
    )
    expect(exitCode).toBe(1)
    expect(confirm).not.toHaveBeenCalled()
  })

  it('takes no class of GPUs that earns nothing', async () => {
    perGpu = 0n
    const { err } = await join('--no-run', '--gpus', '1', '--gpu-class', 'rtx')
    expect(err).toContain('✘ GPUs of the class rtx earn no emission; those that do are h100, h200 and b200.')
    expect(err).toContain('Leave --gpus out, or name the class with --gpu-class.')
  })

  it('stakes no more of a script’s than was to be expected, whatever the chain asks', async () => {
    perGpu = 2_000n * CLOI
    const { err, exitCode } = await join('--no-run', '--yes', ...GPUS)
    expect(err).toMatch(/✘ The chain asks for 4,?000 CLOI more in the pool; 2 × h100 took 2,?500 CLOI/)
    expect(exitCode).toBe(1)
    expect(delegate).not.toHaveBeenCalled()
    await join('--no-run', '--yes', ...GPUS, '--stake', '4000')
    expect(vi.mocked(delegate).mock.calls[0]?.[2]).toBe(4_000n * CLOI)
  })

  it('says what comes of GPUs that nobody vouches for, and of a worker that makes no bid', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.mocked(getConfirmedGpus).mockImplementation(async () => {
      vi.setSystemTime(Date.now() + 200_000)
      return { gpuClass: '', gpus: 0 }
    })
    bid = async () => {
      throw new CloisterError('no-bid', 'It has no prices\x1b[2J.')
    }
    const { out, err, exitCode } = await join('--no-run', ...GPUS).finally(() => vi.useRealTimers())
    expect(err).toContain('✘ GPUs ')
    expect(err).toContain('! Nobody has vouched for the GPUs yet, so they earn no emission. Leases work.')
    expect(err).toContain('! No bid: It has no prices[2J.')
    expect(out).not.toContain('earn emission from')
    expect(syncCollateral).not.toHaveBeenCalled()
    expect(exitCode).toBe(0)
  })

  it('says that verifiers saw another class than was said', async () => {
    vi.mocked(getConfirmedGpus).mockResolvedValue({ gpuClass: 'h200', gpus: 2 })
    expect((await join('--no-run', ...GPUS)).err).toContain('! Verifiers vouch for h200, not h100.')
  })

  it('stops the worker where a later step fails, and shows which', async () => {
    vi.mocked(syncCollateral).mockRejectedValue(new CloisterError('reverted', 'The pool is paused.'))
    const { err, exitCode } = await join('--no-run', ...GPUS)
    expect(err).toMatch(/✘ collateral .*\n✘ The pool is paused\.\n/)
    expect(exitCode).toBe(1)
    expect(stop).toHaveBeenCalledOnce()
  })

  it('says that the hardware does not prove itself', async () => {
    vi.mocked(startWorker).mockRejectedValue(new CloisterError('no-evidence', 'This is no TDX guest.'))
    const { err, exitCode } = await join('--no-run')
    expect(err).toMatch(/✔ register .*\n✘ attest .*\n✘ This is no TDX guest\.\n/)
    expect(exitCode).toBe(1)
  })
})

describe('a worker that runs', () => {
  /** Asks to stop as Ctrl-C does, once it is listened for and the worker runs. */
  function stopOnceRunning(): void {
    const listeners: (() => void)[] = []
    vi.spyOn(process, 'once').mockImplementation((name, listener) => {
      if (name === 'SIGINT') listeners.push(listener as () => void)
      return process
    })
    const run = vi.mocked(startWorker).getMockImplementation()
    vi.mocked(startWorker).mockImplementation(async (...words) => {
      listeners[0]?.()
      return (await run?.(...words)) as RunningWorker
    })
  }

  it('goes on after it joined until it is asked to stop, and then stops as it should', async () => {
    stopOnceRunning()
    const { out, exitCode } = await join('--yes')
    expect(out).toMatch(/earns for [\s\S]*stopping; Ctrl-C again to leave at once/)
    expect(stop).toHaveBeenCalledOnce()
    expect(exitCode).toBe(0)
  })

  it('runs what its configuration says', async () => {
    stopOnceRunning()
    const path = `${folderWith()}/provider.yaml`
    await typed(addProvider, 'provider', 'init', '-c', path, '--name', 'alice')
    const { out, exitCode } = await typed(addProvider, 'provider', 'run', '-c', path, '--json')
    expect(started()?.[0]).toMatchObject({ name: 'alice', listen: { port: 7070 } })
    expect(JSON.parse(out.trim().split('\n').at(-1) ?? '')).toMatchObject({
      level: 'info',
      message: 'stopping; Ctrl-C again to leave at once',
    })
    expect(stop).toHaveBeenCalledOnce()
    expect(exitCode).toBe(0)
  })

  it('does not run without a configuration', async () => {
    const { err, exitCode } = await typed(addProvider, 'provider', 'run', '-c', '/nowhere.yaml')
    expect(err).toContain('✘ There is no file /nowhere.yaml.\n  Write its configuration and register it')
    expect(exitCode).toBe(1)
  })
})

it('a script stakes as much as the GPUs are known to need, and no more because a node says so', () => {
  for (const [toStake, gpuClass, gpus] of [
    [0n, '', 0],
    [2_500n * CLOI, 'h100', 2],
    [1_875n * CLOI, 'h200', 1],
  ] as const)
    expect(() => checkCollateral(toStake, { gpus, gpuClass })).not.toThrow()
  for (const [toStake, gpuClass, gpus] of [
    [1n, '', 0],
    [2_500n * CLOI + 1n, 'h100', 2],
    [1n, 'toString', 1],
  ] as const)
    expect(() => checkCollateral(toStake, { gpus, gpuClass })).toThrow(
      expect.objectContaining({ code: 'stake-unexpected', hint: expect.stringContaining('Say --stake') }),
    )
})
