import { readFeePrices } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type Bids, type Deployed, type DeployParameters, leases } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import {
  ACCOUNT,
  checkedBid,
  composeFile,
  fakeCloister,
  folderWith,
  LAYER2_PRICES,
  LEASE,
  PROVIDER,
  typed,
  typedJson,
  USDC,
  USDC_TOKEN,
  WORKER,
} from '../../testing.ts'
import { addDeploy } from './commands.ts'

const ROUTES = [
  {
    service: 'web',
    port: 80,
    protocol: 'http',
    url: 'http://7f3a.localhost:8080',
    loopbackUrl: 'http://127.0.0.1:8080/7f3a',
    namedUrl: 'http://shop.localhost:8080',
  },
] as unknown as Deployed['routes']

const deployed: Deployed = {
  lease: LEASE,
  provider: PROVIDER,
  worker: WORKER,
  token: USDC,
  ratePerSecond: 100n,
  deposit: 8_640_000n,
  url: { web: 'http://127.0.0.1:8080/7f3a' },
  routes: ROUTES,
  manifestHash: LEASE,
  transaction: LEASE,
  timings: { bids: 0, evidence: 10, transaction: 20, manifest: 30, start: 40, address: 50 },
  attestation: 'simulated',
}

/** What the deployment was asked to be. */
const asked = (): DeployParameters => {
  const parameters = vi.mocked(leases.deploy).mock.calls[0]?.[1]
  if (!parameters) throw new Error('Nothing was deployed.')
  return parameters
}
const depositOf = (checked = checkedBid()) => {
  const { deposit } = asked()
  return typeof deposit === 'bigint' ? deposit : deposit(checked)
}
const deploy = (...words: string[]) => typed(addDeploy, 'deploy', composeFile(), ...words)
const withBids = (...bids: Bids['bids']) =>
  vi.mocked(leases.bids).mockResolvedValue({ bids, declined: [], token: USDC_TOKEN } as unknown as Bids)

/** The name that the index gives the lease. */
let named: string | undefined
/** Leases that the account has open already. */
let others: { wishedName?: string }[]

beforeEach(() => {
  named = 'shop'
  others = []
  const index = {
    lease: async () => ({ lease: LEASE, name: named }),
    leases: async () => ({ items: others }),
  }
  vi.mocked(connect).mockReturnValue(fakeCloister({ index }))
  withBids(checkedBid())
  vi.mocked(leases.requireMoney).mockResolvedValue()
  vi.mocked(leases.deploy).mockResolvedValue(deployed)
  vi.mocked(confirm).mockResolvedValue(true)
})

describe('deploy', () => {
  it('shows the bid and the deposit before it asks, and the address when it runs', async () => {
    vi.mocked(confirm).mockImplementation(async (question) => {
      expect(question).toBe('Open the lease?')
      expect(leases.deploy).not.toHaveBeenCalled()
      return true
    })
    const { out, err, exitCode } = await deploy('--name', 'shop', '--for', '2h')
    expect(err).toMatch(/→ +0\.36 +1d +worker-a/)
    expect(err).toContain('Deposit 0.72 USDC: lasts 2h at 0.36 USDC an hour. What is not used is paid back.')
    expect(out).toContain('● shop runs on 0x90F79b…b906 (simulated), ready after')
    expect(out).toMatch(/web +http:\/\/127\.0\.0\.1:8080\/7f3a\n +http:\/\/shop\.localhost:8080\n/)
    expect(out).toContain('cloister close shop')
    expect(err).not.toContain('takes no smaller deposit')
    expect(err).not.toContain('You have an open lease')
    expect(exitCode).toBe(0)
    expect(asked()).toMatchObject({ name: 'shop', keepFailed: false, timeoutMs: undefined })
    expect(depositOf()).toBe(720_000n)
  })

  it('tells whoever has an open lease of that name before it asks', async () => {
    others = [{}, { wishedName: 'shop' }]
    vi.mocked(confirm).mockResolvedValue(false)
    const { err } = await deploy('--name', 'shop')
    expect(err).toContain(
      '! You have an open lease called shop. This is another one; to change that one, type: cloister update shop',
    )
  })

  it('says that the worker takes no smaller deposit only where less was asked for', async () => {
    withBids(checkedBid({ minimumDeposit: 360_000n }))
    expect((await deploy('--for', '1h')).err).not.toContain('takes no smaller deposit')
    expect((await deploy('--for', '59m')).err).toContain('The worker takes no smaller deposit.')
  })

  it('puts in what lasts a day where nothing is said', async () => {
    await deploy('--yes')
    expect(depositOf()).toBe(100n * 86_400n)
  })

  it('opens nothing where the answer is no', async () => {
    vi.mocked(confirm).mockResolvedValue(false)
    const { err, exitCode } = await deploy()
    expect(err).toContain('✘ Nothing was opened.')
    expect(exitCode).toBe(1)
    expect(leases.deploy).not.toHaveBeenCalled()
  })

  it.each([['--yes'], ['--json']])('asks nothing of a script that says %s', async (word) => {
    expect((await deploy(word)).exitCode).toBe(0)
    expect(confirm).not.toHaveBeenCalled()
    expect(asked().agree).toBeUndefined()
  })

  it('gives programs the lease, its addresses and the time of each step', async () => {
    const { json } = await typedJson(addDeploy, 'deploy', composeFile(), '--name', 'shop', '--deposit', '2.5')
    expect(json).toMatchObject({
      lease: LEASE,
      name: 'shop',
      deposit: '8640000',
      url: { web: 'http://127.0.0.1:8080/7f3a' },
      timings: { start: 40, total: expect.any(Number) },
    })
    expect(asked().deposit).toBe(2_500_000n)
  })

  it('hands on what was said of time and of leases that fail', async () => {
    await deploy('--yes', '--keep', '--timeout', '20m')
    expect(asked()).toMatchObject({ keepFailed: true, timeoutMs: 1_200_000 })
  })

  it('says that a name is taken, and what to use until it is free', async () => {
    named = undefined
    const { out, err } = await deploy('--yes', '--name', 'shop')
    expect(err).toContain(
      '! An open lease is called shop already. This one is next in line; use its id until then.',
    )
    expect(out).toContain('● 7f3a000000000000 runs on')
  })

  it('shows no sequence that a gateway puts into its addresses', async () => {
    const routes = ROUTES.map((route) => ({
      ...route,
      service: 'web\x1b[2J',
      loopbackUrl: 'http://a\x1b[8m',
    }))
    vi.mocked(leases.deploy).mockResolvedValue({ ...deployed, routes })
    expect((await deploy('--yes')).out).not.toContain('\x1b')
  })
})

describe('before anything is opened', () => {
  it('says what the account lacks', async () => {
    const poor = new CloisterError(
      'no-money',
      `The account ${ACCOUNT} has 0 USDC; the deposit is 8.64 USDC.`,
      {
        hint: { do: 'fund-account' },
      },
    )
    vi.mocked(leases.requireMoney).mockRejectedValue(poor)
    const { err, exitCode } = await deploy()
    expect(err).toContain(`✘ The account ${ACCOUNT} has 0 USDC; the deposit is 8.64 USDC.`)
    expect(err).toContain('On the development network: `cloister wallet faucet`.')
    expect(exitCode).toBe(1)
    expect(confirm).not.toHaveBeenCalled()
    expect(leases.deploy).not.toHaveBeenCalled()
  })

  it('says what the transaction costs on a layer 2', async () => {
    vi.mocked(readFeePrices).mockResolvedValue(LAYER2_PRICES)
    expect((await deploy()).err).toMatch(
      /paid back\.\nThe transaction costs about 0\.[\d]+ ETH: .* units of gas, .* layer 1 and .* operator\.\n/,
    )
    expect(JSON.parse((await deploy('--json')).out).cost).toMatchObject({ gas: '196954', operator: '5' })
  })

  it('says why nobody bids', async () => {
    withBids()
    const { err, exitCode } = await deploy()
    expect(err).toMatch(/✘ bids .*\n✘ There is no covered worker to ask\.\n/)
    expect(exitCode).toBe(1)
  })

  it.each([
    [['--deposit', '1', '--for', '2h'], 'Say --deposit or --for, not both.'],
    [['--deposit', '0'], 'A deposit has to be more than nothing.'],
    [['--deposit', 'all'], 'all'],
    [['--for', '0s'], '--for has to be longer than nothing.'],
    [['--for', 'ever'], 'ever'],
    [['--timeout', 'soon'], 'soon'],
    [['--name', 'My Shop'], `"My Shop" can't be the name of a lease.`],
    [['--pay', 'GOLD'], 'GOLD is not a token to pay with.'],
    [['--secrets', '/nowhere.env'], '/nowhere.env can not be read (ENOENT).'],
  ])('refuses %j', async (words, message) => {
    const { err, exitCode } = await deploy(...words, '--yes')
    expect(err).toContain(message)
    expect(exitCode).toBe(1)
    expect(leases.bids).not.toHaveBeenCalled()
  })

  it('takes a deposit that nobody could expect only from somebody who agrees', async () => {
    withBids(checkedBid({ minimumDeposit: 500_000_000n }))
    const script = await deploy('--yes', '--for', '1h')
    expect(script.err).toContain(
      'The worker opens no lease with less than 500 USDC; an hour of it costs 0.36 USDC. Nobody agreed to put in so much.',
    )
    expect(script.err).toContain('Say --deposit 500 to agree. What is not used is paid back.')
    expect(script.exitCode).toBe(1)
    const person = await deploy('--for', '1h')
    expect(person.err).toContain('The worker takes no smaller deposit, and this is more than you asked for.')
    expect(person.exitCode).toBe(0)
    expect(confirm).toHaveBeenCalledOnce()
  })

  it('names the sealed secrets that a file takes and nobody gives', async () => {
    const folder = folderWith({
      'compose.yaml': 'services:\n  web:\n    image: nginx\n    x-sealed: [PASSWORD]\n',
    })
    const { err, exitCode } = await typed(addDeploy, 'deploy', `${folder}/compose.yaml`, '--yes')
    expect(err).toContain('The file takes sealed secrets that are not given: PASSWORD.')
    expect(err).toContain('--app NAME --secrets FILE')
    expect(exitCode).toBe(1)
    expect(leases.bids).not.toHaveBeenCalled()
  })
})

it('has logs sent where it says, and refuses what is no collector before anybody is asked', async () => {
  await deploy('--yes', '--logs-to', 'otlp+https://logs.example', '--header', 'x-key: abc')
  expect(asked().collectors).toEqual([{ url: 'otlp+https://logs.example', headers: { 'x-key': 'abc' } }])
  vi.mocked(leases.bids).mockClear()
  const { err, exitCode } = await deploy('--yes', '--logs-to', 'logs.example')
  expect(err).toContain('"logs.example" is not otlp://…')
  expect(exitCode).toBe(1)
  expect(leases.bids).not.toHaveBeenCalled()
})

describe('a deployment that comes to nothing', () => {
  const failing = (code: ConstructorParameters<typeof CloisterError>[0], message: string, parts = {}) =>
    vi.mocked(leases.deploy).mockImplementation(async (_, { onStep }) => {
      onStep?.('start', 'starting')
      throw new CloisterError(code, message, parts)
    })

  it('shows the step that failed, the last lines of the container, and what to do', async () => {
    failing('start-failed', 'web does not start: it ended with code 1. The lease is closed.', {
      hint: { do: 'deploy-again' },
      details: { lease: LEASE, last: { container: 'web', lines: ['boom\x1b[2J'] } },
    })
    const { out, err, exitCode } = await deploy('--yes')
    expect(err).toMatch(
      /✘ start .*\nLast lines of web:\n {2}boom\[2J\nMore, .*: cloister logs 7f3a\d+, .*\n✘ web does not start/,
    )
    expect(err).toContain('Fix it and deploy again')
    expect(out).toBe('')
    expect(exitCode).toBe(1)
  })

  it('says that a worker turned the lease down, where the money is, and how to report it', async () => {
    failing('refused', 'The worker turned the lease down. The whole deposit is back.', {
      hint: { do: 'report-refusal', subject: LEASE },
    })
    const { err, exitCode } = await deploy('--yes')
    expect(err).toContain('✘ The worker turned the lease down. The whole deposit is back.')
    expect(err).toContain(`cloister stake report ${LEASE}`)
    expect(exitCode).toBe(1)
  })

  it('is one object for a program', async () => {
    failing('policy', 'The machine is not what the policy asks.', { details: { worker: WORKER } })
    expect(await typedJson(addDeploy, 'deploy', composeFile())).toEqual({
      json: {
        error: {
          code: 'policy',
          message: 'The machine is not what the policy asks.',
          details: { worker: WORKER },
        },
      },
      exitCode: 1,
    })
  })

  it('asks before another bid is taken that costs more', async () => {
    vi.mocked(leases.deploy).mockImplementation(async (_, { agree }) => {
      if (!(await agree?.(checkedBid({ ratePerSecond: 200n }), 17_280_000n)))
        throw new CloisterError('cancelled', 'Nothing was opened.')
      return deployed
    })
    const { err, exitCode } = await deploy()
    expect(err).toContain(
      'The first bid came to nothing. The next is 0.72 USDC an hour, with a deposit of 17.28 USDC.',
    )
    expect(vi.mocked(confirm).mock.calls.map(([question]) => question)).toEqual([
      'Open the lease?',
      'Open the lease there?',
    ])
    expect(exitCode).toBe(0)
  })
})
