import { readFileSync } from 'node:fs'
import { enrolWorker, loadWorkerKey, loseMachine, machinesOf } from '@cloister/agent'
import {
  getBilling,
  getClaimable,
  getConfirmedGpus,
  getCredit,
  getLease,
  getStanding,
  getWorker,
  giveNotice,
  setCommission,
  withdrawCredit,
} from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { CloisterError } from '@cloister/core'
import { createCloister, leases, workerOfRecord } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect, findNetwork } from '../../context.ts'
import {
  ACCOUNT,
  CLOI,
  fakeCloister,
  folderWith,
  LEASE,
  PROVIDER,
  TRANSACTION,
  typing,
  USDC,
} from '../../testing.ts'
import { addProvider } from './commands.ts'

const CONFIG = `name: worker
network: network.json
folder: .worker
listen: { port: 7070 }
endpoint: https://worker.example:7070
capacity: { cpus: 4, memory: 8GiB, disk: 20GiB }
executor: { engine: sandbox }
# What a CPU costs.
prices:
  USDC: { cpu: "0.02", memoryGiB: "0.005", diskGiB: "0.0002" }
`

const { run: provider, runJson: providerJson } = typing(addProvider, 'provider')
/** The configuration file of a provider. */
const configFile = (text = CONFIG) => `${folderWith({ 'provider.yaml': text })}/provider.yaml`
const receipt = { transactionHash: TRANSACTION } as Awaited<ReturnType<typeof giveNotice>>

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(findNetwork).mockReturnValue('/networks/network.json')
})

describe('provider init', () => {
  beforeEach(() => void vi.mocked(enrolWorker).mockResolvedValue('registered'))

  it('writes a configuration where there is none, and registers the worker it describes', async () => {
    const path = `${folderWith()}/provider.yaml`
    const { out, exitCode } = await provider('init', '-c', path, '--name', 'alice', '--port', '7071')
    expect(out).toContain(`Wrote ${path}. Look at the prices in it; they can be changed at any time.`)
    expect(out).toMatch(new RegExp(`The worker 0x\\w{40} is registered for the provider ${ACCOUNT}\\.`))
    expect(out).toContain(`cloister provider run -c ${path}`)
    expect(exitCode).toBe(0)
    expect(readFileSync(path, 'utf8')).toMatch(/name: alice\n[\s\S]*endpoint: https:\/\/127\.0\.0\.1:7071\n/)
    expect(vi.mocked(enrolWorker).mock.calls[0]?.[2]).toMatchObject({ name: 'alice', listen: { port: 7071 } })
  })

  it.each([
    ['https://worker.example:17099', [], 17099],
    ['https://worker.example', [], 7070],
    ['https://worker.example:17099', ['--port', '7071'], 7071],
  ])('listens where its endpoint %s with %j leads', async (endpoint, more, port) => {
    const path = `${folderWith()}/provider.yaml`
    await provider('init', '-c', path, '--endpoint', endpoint, ...more)
    expect(vi.mocked(enrolWorker).mock.calls[0]?.[2]).toMatchObject({ endpoint, listen: { port } })
  })

  it('keeps a configuration that is there, and says which options are not used', async () => {
    vi.mocked(enrolWorker).mockResolvedValue('unchanged')
    const path = configFile()
    const { out, err } = await provider('init', '-c', path, '--name', 'bob', '--port', '7070')
    expect(err).toBe(
      `! ${path} is there already and holds; what was said of name is not used. Change it there.\n`,
    )
    expect(out).toContain('is registered as it is for the provider')
    expect(readFileSync(path, 'utf8')).toBe(CONFIG)
  })

  it('gives programs the worker, and what came of it', async () => {
    const path = configFile()
    const { address } = loadWorkerKey(`${path.replace(/\/[^/]*$/, '')}/.worker`)
    expect(await providerJson('init', '-c', path)).toEqual({
      json: { config: path, worker: address, provider: ACCOUNT, outcome: 'registered' },
      exitCode: 0,
    })
  })

  it('writes nothing for somebody who can’t act', async () => {
    vi.mocked(connect).mockReturnValue(fakeCloister({ wallet: undefined }))
    const folder = folderWith()
    const { err, exitCode } = await provider('init', '-c', `${folder}/provider.yaml`)
    expect(err).toContain('✘ That needs an account to sign with.')
    expect(exitCode).toBe(1)
    expect(() => readFileSync(`${folder}/provider.yaml`)).toThrow('ENOENT')
  })

  it.each([
    [CONFIG.replace('cpus: 4', 'cpus: none'), 'is wrong at capacity.cpus'],
    [CONFIG.replace('name:', 'nam:'), 'is wrong at name'],
    ['{', 'can not be read as YAML.'],
  ])('says what is wrong with a configuration', async (text, message) => {
    const path = configFile(text)
    const { err, exitCode } = await provider('init', '-c', path)
    expect(err).toContain(`✘ ${path} ${message}`)
    expect(exitCode).toBe(1)
    expect(enrolWorker).not.toHaveBeenCalled()
  })

  it('says that the worker is another provider’s, and that a folder is not there', async () => {
    vi.mocked(enrolWorker).mockRejectedValue(new CloisterError('not-yours', 'The worker belongs to 0x70.'))
    expect((await provider('init', '-c', configFile())).err).toBe('✘ The worker belongs to 0x70.\n')
    const nowhere = await provider('init', '-c', '/nowhere/provider.yaml')
    expect(nowhere.err).toContain('✘ /nowhere/provider.yaml can not be written (ENOENT).')
  })
})

describe('provider node', () => {
  const NODE = CONFIG.replace('engine: sandbox', 'engine: docker, socket: /nowhere/docker.sock')

  it('runs no machine whose configuration names no manager, and says how to write one', async () => {
    const { err, exitCode } = await provider('node', '-c', configFile(NODE))
    expect(err).toContain('✘ The configuration names no `manager`, so that this machine is no node.')
    expect(err).toContain('cloister provider init --manager WORKER')
    expect(exitCode).toBe(1)
  })

  it('is what a machine with a manager is run by, which lends nothing itself', async () => {
    const path = configFile(`${NODE}manager: "${PROVIDER}"\n`)
    const { err, exitCode } = await provider('run', '-c', path)
    expect(err).toContain(`✘ This machine is a node of ${PROVIDER}, and lends nothing itself.`)
    expect(err).toContain('cloister provider node')
    expect(exitCode).toBe(1)
  })
})

describe('provider price', () => {
  it('shows prices, and sets those that are said, keeping comments', async () => {
    const path = configFile()
    expect((await provider('price', '-c', path)).out).toMatch(/USDC +0\.02 +0\.005 +0\.0002 +0\.01\n/)
    const words = ['price', 'usdc', '-c', path, '--cpu', '0.03', '--gpu', 'h100=2.5']
    expect((await provider(...words)).out).toMatch(/USDC +0\.03 +0\.005 +0\.0002 +0\.01 +h100 2\.5\n/)
    expect(readFileSync(path, 'utf8')).toContain('# What a CPU costs.')
    const { json } = await providerJson('price', 'CLOI', '-c', path, ...priced('--cpu', '--memory', '--disk'))
    expect(json).toMatchObject({ USDC: { cpu: '0.03', gpu: { h100: '2.5' } }, CLOI: { cpu: '1' } })
  })

  it.each([
    [['USDC', '--cpu', 'cheap'], 'is wrong at prices.USDC.cpu: not a price such as 0.02.'],
    [['EUR', '--cpu', '1'], 'is wrong at prices.EUR.memoryGiB'],
    [['USDC', '--gpu', 'h100'], '--gpu takes class=amount, not h100.'],
    [
      ['--cpu', '0.03'],
      'Say in which token the prices are.\n  As in: cloister provider price USDC --cpu 0.02',
    ],
  ])('leaves the file as it was with %j', async (words, message) => {
    const path = configFile()
    const { err, exitCode } = await provider('price', ...words, '-c', path)
    expect(err).toContain(message)
    expect(exitCode).toBe(1)
    expect(readFileSync(path, 'utf8')).toBe(CONFIG)
  })

  it('says that a program prices orders, and that there is no configuration', async () => {
    const scripted = await provider('price', '-c', configFile(`${CONFIG}bidScript: ./price.js\n`))
    expect(scripted.err).toMatch(/Orders are priced by .*price\.js; the list below is not used\./)
    const { err, exitCode } = await provider('price', '-c', '/nowhere.yaml')
    expect(err).toContain('✘ There is no file /nowhere.yaml.\n  Write its configuration')
    expect(exitCode).toBe(1)
  })

  function priced(...options: string[]): string[] {
    return options.flatMap((option) => [option, '1'])
  }
})

describe('provider commission', () => {
  it('is a percentage up to 50', async () => {
    vi.mocked(setCommission).mockResolvedValue(receipt)
    expect((await provider('commission', '7.5')).out).toContain('The commission is 7.5%: at once')
    expect(vi.mocked(setCommission).mock.calls[0]?.[1]).toBe(750)
    expect((await providerJson('commission', '5')).json).toEqual({ bps: 500, transaction: TRANSACTION })
    for (const wrong of ['50.01', '5%', 'half', '1e1']) {
      const { err, exitCode } = await provider('commission', wrong)
      expect(err).toBe('✘ A commission is a percentage from 0 to 50, such as 5 or 7.5.\n')
      expect(exitCode).toBe(1)
    }
    expect(setCommission).toHaveBeenCalledTimes(2)
  })
})

describe('provider machines and forget', () => {
  const machine = (changes: Partial<Machine> = {}): Machine => ({
    ...{ id: 'abc', hostname: 'node-7', isManager: false, isUp: false, isLabelled: false },
    ...{ cpuMilli: 4000, memoryMiB: 8192, leases: [LEASE] },
    ...changes,
  })
  type Machine = Awaited<ReturnType<typeof machinesOf>>[number]

  it('show what a Swarm is made of, and whose volumes are where', async () => {
    vi.mocked(machinesOf).mockResolvedValue([
      machine({ id: 'xyz', hostname: 'here', isManager: true, isUp: true, isLabelled: true, leases: [] }),
      machine(),
    ])
    const { out } = await provider('machines', '-c', configFile())
    expect(out).toMatch(/here +xyz +4 CPU, 8 GiB +covered, manager +0\n/)
    expect(out).toMatch(/node-7 +abc +4 CPU, 8 GiB +away +1\n/)
    expect((await providerJson('machines', '-c', configFile())).json).toHaveLength(2)
  })

  it('forget a machine that is gone, once that was agreed to', async () => {
    vi.mocked(machinesOf).mockResolvedValue([machine()])
    vi.mocked(loseMachine).mockResolvedValue(machine())
    vi.mocked(confirm).mockResolvedValueOnce(false)
    expect((await provider('forget', 'node-7', '-c', configFile())).err).toContain('Nothing was changed.')
    expect(loseMachine).not.toHaveBeenCalled()
    vi.mocked(confirm).mockResolvedValueOnce(true)
    const { out } = await provider('forget', 'node-7', '-c', configFile())
    expect(vi.mocked(confirm).mock.lastCall?.[0]).toBe(
      'Forget node-7 for good? 1 lease loses volumes that were on it.',
    )
    expect(out).toContain('node-7 is no part of the Swarm any more')
    expect(out).toContain('7f3a000000000000')
  })

  it('have nothing to say of a worker of one machine', async () => {
    const { err, exitCode } = await provider('machines', '-c', configFile())
    expect(err).toContain('no Swarm')
    expect(exitCode).toBe(1)
  })
})

describe('provider end', () => {
  const withLease = (changes: object = {}, given = 0) => {
    vi.mocked(leases.findLease).mockResolvedValue({ lease: LEASE, provider: ACCOUNT, ...changes } as Awaited<
      ReturnType<typeof leases.findLease>
    >)
    let noticeUntil = given
    vi.mocked(getLease).mockImplementation(
      async () => ({ state: 'open', noticeUntil, ...changes }) as Awaited<ReturnType<typeof getLease>>,
    )
    vi.mocked(giveNotice).mockImplementation(async () => {
      noticeUntil = 1_900_000_000
      return receipt
    })
  }

  it('gives a lease notice once, and says when it ends', async () => {
    withLease()
    expect((await provider('end', '7f3a')).out).toContain('has notice: it ends 2030-03-17 17:46:40 UTC.')
    expect((await provider('end', '7f3a')).out).toContain('had notice: it ends 2030-03-17 17:46:40 UTC.')
    expect(giveNotice).toHaveBeenCalledOnce()
  })

  it.each([
    [{ state: 'closed' }, '✘ The lease 7f3a000000000000 is closed already.\n'],
    [
      { provider: PROVIDER },
      `✘ The lease 7f3a000000000000 is served by ${PROVIDER}, and this account is ${ACCOUNT}.\n  Name its account with --account.\n`,
    ],
  ])('gives none where it is not to be given: %j', async (changes, message) => {
    withLease(changes)
    expect(await provider('end', '7f3a')).toMatchObject({ err: message, exitCode: 1 })
    expect(giveNotice).not.toHaveBeenCalled()
  })
})

describe('provider withdraw', () => {
  beforeEach(() => {
    vi.mocked(getCredit).mockImplementation(async (_, __, token) => (token === USDC ? 2_500_000n : 0n))
    vi.mocked(withdrawCredit).mockResolvedValue(receipt)
  })

  it('sends what was earned to the provider, or to a whole address', async () => {
    expect((await provider('withdraw', '-c', '/nowhere.yaml')).out).toBe(`Sent 2.5 USDC to ${ACCOUNT}.\n`)
    await provider('withdraw', '-c', '/nowhere.yaml', '--to', PROVIDER)
    expect(vi.mocked(withdrawCredit).mock.calls.map(([, ...rest]) => rest)).toEqual([
      [USDC, ACCOUNT],
      [USDC, PROVIDER],
    ])
    const { json } = await providerJson('withdraw', '-c', '/nowhere.yaml')
    expect(json).toEqual([{ symbol: 'USDC', amount: '2.5', transaction: TRANSACTION }])
  })

  it('sends nothing to half an address, and nothing where there is nothing', async () => {
    const wrong = await provider('withdraw', '-c', '/nowhere.yaml', '--to', '0x7099')
    expect(wrong.err).toContain('0x7099 is not a whole address; money goes nowhere else.')
    expect(wrong.exitCode).toBe(1)
    vi.mocked(getCredit).mockResolvedValue(0n)
    expect((await provider('withdraw', '-c', '/nowhere.yaml')).out).toContain('There is nothing to withdraw')
    expect(withdrawCredit).not.toHaveBeenCalled()
  })

  it('takes the network that the configuration names', async () => {
    const path = configFile()
    await provider('withdraw', '-c', path)
    expect(vi.mocked(connect).mock.calls[0]?.[0].network).toBe(path.replace('provider.yaml', 'network.json'))
  })
})

describe('provider status', () => {
  const found = (coveredFor: bigint, report: object | undefined) => {
    const client = {
      getBlock: async () => ({ timestamp: 1_000n }),
      getBalance: async () => 5n * 10n ** 16n,
    }
    const open = { shortId: '7f3a', tenant: ACCOUNT, ratePerSecond: '100', openedAt: 1_900_000_000 }
    const index = { leases: async () => ({ items: [open] }) }
    const cloister = fakeCloister({ chain: { client }, index })
    vi.mocked(loadNetwork).mockReturnValue(cloister.network)
    vi.mocked(createCloister).mockReturnValue(cloister)
    const room = { cpuMilli: 4000, memoryMiB: 8192, diskMiB: 20_480, gpus: 0 }
    const description = { ...room, gpuClass: '', endpoint: 'https://worker.example:7070' }
    vi.mocked(getWorker).mockResolvedValue({ provider: PROVIDER, description } as Awaited<
      ReturnType<typeof getWorker>
    >)
    vi.mocked(getBilling).mockResolvedValue({
      provider: PROVIDER,
      coveredSeconds: 7_200n,
      until: 1_000n + coveredFor,
    })
    vi.mocked(getCredit).mockImplementation(async (_, __, token) => (token === USDC ? 2_500_000n : 0n))
    vi.mocked(workerOfRecord).mockReturnValue({
      report: async () => {
        if (!report) throw new CloisterError('unreachable', 'It does not answer.')
        return { free: room, gpuClass: '', isolation: { engine: 'sandbox', missing: ['GPUs'] }, ...report }
      },
    } as unknown as ReturnType<typeof workerOfRecord>)
  }

  it('says what the worker does, what it serves and what there is to withdraw', async () => {
    found(3_600n, { evidence: 'a TDX guest' })
    const { out } = await provider('status', '-c', configFile())
    expect(out).toMatch(/endpoint +https:\/\/worker\.example:7070 answers\n/)
    expect(out).toMatch(/coverage +for 1h more/)
    expect(out).toMatch(/gas +0\.05 ETH\nto withdraw +0 CLOI, 2\.5 USDC\n/)
    expect(out).toMatch(/7f3a +0x15d34.* +100 +2030-03-17/)
  })

  it('says that it does not answer, is not covered, or can’t renew its attestation', async () => {
    found(-5n, undefined)
    const { out } = await provider('status', '-c', configFile())
    expect(out).toMatch(/endpoint .*does not answer\ncoverage +none/)
    found(60n, { evidence: 'a TDX guest', alarm: 'its collateral\x1b[2J is old' })
    expect((await provider('status', '-c', configFile())).out).toMatch(/alarm +its collateral\[2J is old\n/)
    const { json } = await providerJson('status', '-c', configFile())
    expect(json).toMatchObject({
      answers: true,
      coveredFor: 60,
      coveredSeconds: '7200',
      gas: '50000000000000000',
    })
  })

  it('says that the worker is not registered, and what registers it', async () => {
    found(60n, {})
    vi.mocked(getWorker).mockResolvedValue(undefined)
    const { err, exitCode } = await provider('status', '-c', configFile())
    expect(err).toMatch(
      /✘ The worker 0x\w{40} is not registered\.\n {2}Register it with `cloister provider init`\./,
    )
    expect(exitCode).toBe(1)
  })
})

describe('provider rewards', () => {
  const epoch = (number: number, closed: boolean, weight?: number) => ({
    epoch: number,
    from: 1_900_000_000 + number * 3600,
    until: 0,
    closed,
    budget: '0',
    weight: 40,
    pools: weight === undefined ? [] : [{ provider: ACCOUNT, weight, reward: (3n * CLOI).toString() }],
  })
  const withEpochs = (...epochs: object[]) => {
    const pool = {
      stake: (5_000n * CLOI).toString(),
      locked: (2_500n * CLOI).toString(),
      yields: { current: 0.12 },
    }
    const index = { epochs: async () => epochs, pool: async () => pool }
    vi.mocked(connect).mockReturnValue(fakeCloister({ index }))
    vi.mocked(getClaimable).mockResolvedValue(7n * CLOI)
  }

  it('shows each hour that is over, and what is to claim', async () => {
    withEpochs(epoch(2, false, 10), epoch(1, true, 10), epoch(0, true))
    const { out } = await provider('rewards', '-c', '/nowhere.yaml')
    expect(out).toMatch(/1 +2030-03-17 18:46:40 UTC +1 +25\.0% +███░{7}.* 3 CLOI\n/)
    expect(out).toMatch(/0 +2030-.* +– .* nothing: not covered/)
    expect(out).toMatch(/GPUs +3 CLOI in 2 hours: half is/)
    expect(out).toMatch(/pool +5,?000 CLOI, 2,?500 CLOI of it collateral\n/)
    expect(out).toContain(`7 CLOI: cloister stake claim --of ${ACCOUNT}`)
    const { json } = await providerJson('rewards', '-c', '/nowhere.yaml', '--hours', '1')
    expect(json).toMatchObject({ provider: ACCOUNT, earned: (3n * CLOI).toString(), standing: null })
    expect(json.hours).toHaveLength(1)
  })

  it('says what the GPUs of the worker here lack', async () => {
    withEpochs()
    vi.mocked(getWorker).mockResolvedValue({ provider: PROVIDER } as Awaited<ReturnType<typeof getWorker>>)
    const standing = (weight: number) =>
      vi
        .mocked(getStanding)
        .mockResolvedValue({ weight, gpusUntil: 1_900_000_000 } as Awaited<ReturnType<typeof getStanding>>)
    const said = async () => (await provider('rewards', '-c', configFile())).out
    vi.mocked(getConfirmedGpus).mockResolvedValue({ gpuClass: '', gpus: 0 })
    standing(0)
    expect(await said()).toContain('nobody vouches for GPUs of this worker')
    vi.mocked(getConfirmedGpus).mockResolvedValue({ gpuClass: 'h100', gpus: 2 })
    expect(await said()).toContain('2 × h100 vouched for, but there is no collateral for them')
    standing(20)
    expect(await said()).toContain('2 × h100 weigh 2, vouched for until 2030-03-17 17:46:40 UTC')
    expect(await said()).toContain('No hour of emission is over yet.')
  })

  it('needs somebody whose rewards they are, and a number of hours', async () => {
    withEpochs()
    expect((await provider('rewards', '--hours', '721')).err).toBe(
      '✘ --hours takes a number from 1 to 720.\n',
    )
    vi.mocked(connect).mockReturnValue(fakeCloister({ wallet: undefined }))
    const nobody = await provider('rewards', '-c', '/nowhere.yaml')
    expect(nobody.err).toBe(
      '✘ There is neither a configuration file nor an account here.\n  Add --config or --account.\n',
    )
    vi.mocked(getWorker).mockResolvedValue(undefined)
    const unknown = await provider('rewards', '-c', configFile())
    expect(unknown.err).toContain(
      '✘ The worker is not registered.\n  Register it with `cloister provider join`.',
    )
    expect(unknown.exitCode).toBe(1)
  })
})
