import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import { type EndpointStep, models, type PlannedEndpoint } from '@cloister/sdk'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import { ACCOUNT, fakeCloister, folderWith, LEASE, typing, USDC, WORKER } from '../../testing.ts'
import { addModel } from './commands.ts'

const { run: model, runJson: modelJson } = typing(addModel, 'model')

const DOOR = `sha256:${'d0'.repeat(32)}`
const FILE = `models:
  - model: Qwen/Qwen3-8B
    engine:
      image: engine:1
      digest: sha256:${'e1'.repeat(32)}
      port: 80
      memoryMiB: 64
      cpuMilli: 100
      files: [{ path: /models/w.gguf, from: w.gguf }]
    weights: { from: w.gguf }
    contextLength: 32768
    concurrency: 16
    endpoints: [chat]
    price: { input: 0.10, cached: 0.05, output: "0.40" }
    worker: rack-1
    ahead: 7d
    maxPrice: 0.36
  - name: inner
    model: tiny
    private: true
    engine: { url: 'http://127.0.0.1:1' }
    contextLength: 512
    concurrency: 2
    endpoints: [chat]
`

let home: string

beforeEach(() => {
  home = folderWith()
  process.env['CLOISTER_HOME'] = home
  const cloister = fakeCloister()
  Object.assign(cloister.network, { inferenceImages: [DOOR] })
  vi.mocked(connect).mockReturnValue(cloister)
})
afterEach(() => {
  delete process.env['CLOISTER_HOME']
})

const fileOf = (text = FILE) => join(folderWith({ 'models.yaml': text, 'w.gguf': 'GGUF' }), 'models.yaml')
const BID = { worker: WORKER, ratePerSecond: 100n, deposit: 60_480_000n, token: USDC }
const OPENING: EndpointStep[] = [
  { do: 'open', bid: BID },
  { do: 'offer', lease: undefined },
]
/** Has the plan be so for each model of the file. */
const planning = (steps: EndpointStep[], changes: Partial<PlannedEndpoint> = {}) =>
  vi.mocked(models.plan).mockImplementation(async (_, wanted, { prune = false } = {}) => ({
    endpoints: wanted.map((endpoint) => ({
      name: endpoint.name,
      wanted: endpoint,
      found: undefined,
      steps,
      problem: undefined,
      ...changes,
    })),
    prune,
  }))
const applying = (error?: CloisterError) =>
  vi.mocked(models.apply).mockImplementation(async (_, { endpoints }, { onStep } = {}) =>
    endpoints.map(({ name, steps }) => {
      for (const step of steps) onStep?.(name, step.do, 'working')
      return { name, lease: LEASE, done: steps.map((step) => step.do), error }
    }),
  )
const found = {
  worker: WORKER,
  lease: LEASE,
  secondsLeft: 3_600,
  offer: { token: USDC, input: 200_000n, cached: 0n, output: 400_000n, model: 'tiny' },
} as never

describe('model apply', () => {
  it('reads prices, places and files, shows what is and shall be, and does it', async () => {
    planning(OPENING)
    applying()
    const path = fileOf()
    const { out, err, exitCode } = await model('apply', path, '--yes')
    expect(exitCode).toBe(0)
    const [, wanted] = vi.mocked(models.plan).mock.calls[0] ?? []
    const digest = `sha256:${createHash('sha256').update('GGUF').digest('hex')}`
    expect(wanted).toMatchObject([
      {
        name: 'qwen-qwen3-8b',
        options: {
          door: DOOR,
          model: 'Qwen/Qwen3-8B',
          engine: { files: [{ path: '/models/w.gguf', bytes: 4, digest }] },
          weights: { digest },
        },
        contents: [{ bytes: 4 }],
        offer: { token: 'USDC', input: 100_000n, cached: 50_000n, output: 400_000n },
        worker: 'rack-1',
        aheadSeconds: 604_800,
        maxRatePerSecond: 100n,
        pay: 'USDC',
      },
      { name: 'inner', offer: undefined, aheadSeconds: 86_400 },
    ])
    expect(out).toMatch(
      /qwen-qwen3-8b +not there +0\.1 USDC \/ 0\.05 USDC \/ 0\.4 USDC, on rack-1, paid 7d ahead +open a lease on 0x90F79b…b906, 0\.36 USDC an hour, deposit 60\.48 USDC; offer it/,
    )
    expect(out).toMatch(/inner +not there +private, anywhere, paid 1d ahead/)
    expect(out).toMatch(/● qwen-qwen3-8b 7f3a0{12}: open, offer/)
    // The key of the private one is beside the file, and its hash is all that is published.
    const key = join(path, '../inner.key')
    expect(err).toContain(key)
    expect(statSync(key).mode & 0o777).toBe(0o600)
    const hash = createHash('sha256').update(readFileSync(key, 'utf8').trim()).digest('hex')
    expect(wanted?.[1]?.options.tokenHash).toBe(`0x${hash}`)
    await model('apply', path, '--yes')
    const [, again] = vi.mocked(models.plan).mock.calls[1] ?? []
    expect(again?.[1]?.options.tokenHash).toBe(`0x${hash}`)
  })

  it('asks before anything is done or written, and does nothing with --dry-run', async () => {
    planning(OPENING)
    vi.mocked(confirm).mockResolvedValue(false)
    const path = fileOf()
    expect(await model('apply', path)).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/Nothing was changed/),
    })
    expect(vi.mocked(confirm).mock.calls[0]).toEqual(['Do it?', 'yes'])
    expect(await model('apply', path, '--dry-run', '--prune')).toMatchObject({ exitCode: 0 })
    expect((await modelJson('apply', path, '--dry-run')).json).toMatchObject({
      plan: [{ name: 'qwen-qwen3-8b', steps: [{ do: 'open', bid: { deposit: '60480000' } }, {}] }, {}],
      applied: [],
    })
    expect(models.apply).not.toHaveBeenCalled()
    expect(existsSync(join(path, '../inner.key'))).toBe(false)
    // What is to be closed is said once more, and isn't what Enter means.
    planning([{ do: 'close', lease: LEASE }], { wanted: undefined, found })
    await model('apply', path, '--prune')
    expect(vi.mocked(confirm).mock.calls[1]).toEqual(['Do it, and close 2 leases?', 'no'])
  })

  it('says of each step what it is about', async () => {
    const lease = LEASE
    planning(
      [
        { do: 'top-up', lease, amount: 1_500_000n, token: USDC },
        { do: 'update', lease },
        { do: 'resize', lease },
        { do: 'end-offer', lease },
        { do: 'close', lease },
        { do: 'open', bid: undefined },
      ],
      { found, problem: 'It is away\x1b[2J.' },
    )
    const { out } = await model('apply', fileOf(), '--dry-run')
    expect(out).toMatch(/0\.2 USDC \/ free \/ 0\.4 USDC, on 0x90F79b…b906, paid for 1h/)
    expect(out).toMatch(
      /pay in 1\.5 USDC; update what runs; update what runs, with another size; end the offer of 7f3a0{12}; close 7f3a0{12}; open a lease: nobody bids/,
    )
    expect(out).toMatch(/! inner: It is away\[2J\./)
    planning([], { wanted: undefined, found })
    const { out: none } = await model('apply', fileOf())
    expect(none).toMatch(/not in the file: --prune closes it +nothing[\s\S]*Nothing is to be done\./)
    expect(models.apply).not.toHaveBeenCalled()
  })

  it('ends with an exit code of 1 where something could not be done', async () => {
    planning(OPENING)
    applying(new CloisterError('no-bids', 'Nobody bids.'))
    expect(await model('apply', fileOf(), '--yes')).toMatchObject({
      exitCode: 1,
      out: expect.stringMatching(/✘ inner: Nobody bids\. Done before: open, offer\./),
    })
    const { json, exitCode } = await modelJson('apply', fileOf())
    expect(exitCode).toBe(1)
    expect(json.applied).toMatchObject([{ error: { code: 'no-bids' } }, { name: 'inner', lease: LEASE }])
  })

  it('keeps it so with --watch, whatever goes wrong in a round, until it is ended', async () => {
    planning(OPENING)
    applying()
    let rounds = 0
    const plan = vi.mocked(models.plan).getMockImplementation() as typeof models.plan
    vi.mocked(models.plan).mockImplementation(async (...given) => {
      if (++rounds === 2) throw new CloisterError('chain-unreachable', 'The chain is away.')
      if (rounds === 3) process.emit('SIGINT')
      return plan(...given)
    })
    const { out, err, exitCode } = await model('apply', fileOf(), '--watch', '--every', '1s', '--yes')
    expect(exitCode).toBe(0)
    expect(err).toMatch(/every 1s\. Ctrl-C ends it/)
    expect(out).toMatch(/The chain is away\./)
    expect(rounds).toBe(3)
    expect(models.apply).toHaveBeenCalledTimes(2)
  }, 20_000)

  it('is one process for an account', async () => {
    planning([])
    mkdirSync(join(home, 'models'))
    writeFileSync(join(home, 'models', `1-${ACCOUNT.toLowerCase()}.lock`), String(process.ppid))
    expect((await model('apply', fileOf())).err).toMatch(/Another process applies models of this account/)
    // One that only looks stands in nobody's way.
    expect((await model('apply', fileOf(), '--dry-run')).exitCode).toBe(0)
  })

  it.each([
    [['--prune', '--watch'], /Leases are closed only where somebody says so[\s\S]*--yes/],
    [['--prune', '--json'], /Leases are closed only where somebody says so/],
    [['--watch', '--dry-run'], /Say one of them/],
    [['--every', 'soon'], /soon/],
  ])('refuses %j', async (words, message) => {
    const { exitCode, out, err } = await model('apply', fileOf(), ...words)
    expect(exitCode).toBe(1)
    expect(out + err).toMatch(message)
    expect(models.plan).not.toHaveBeenCalled()
  })

  it.each([
    ['models: 7', /wrong at models/],
    ['[1]', /says nothing by name/],
    ['models: [', /neither YAML nor JSON/],
    ['models: []\nmore: 1', /wrong at its root/],
    [FILE.replace('price: { input: 0.10,', 'price: {'), /wrong at models\.0\.price\.input/],
    [FILE.replace('0.10', 'much'), /much/],
    [FILE.replace('0.10', '0.1000000001'), /6 decimal places/],
    [FILE.replace(/ {4}price: .*\n/, ''), /qwen-qwen3-8b has to have a price, or to be private/],
    [FILE.replace('private: true', 'private: true\n    price: { input: 0, output: 0 }'), /inner has to have/],
    [FILE.replace('Qwen/Qwen3-8B', '"!!"'), /Nothing says what the lease of !! is called/],
    [FILE.replace('contextLength: 32768', 'contextLength: 0'), /contextLength/],
    [FILE.replace('from: w.gguf }]', 'from: 7 }]'), /no list of `path` and `from`/],
    [FILE.replaceAll('w.gguf', 'not.there'), /not\.there can not be read/],
    [FILE.replace('ahead: 7d', 'ahead: long'), /long/],
    [FILE.replace('ahead: 7d', 'pay: NONE'), /NONE is not a token/],
    [FILE.replace('ahead: 7d', 'aheda: 7d'), /aheda/],
  ])('says what is wrong with a file: %#', async (text, message) => {
    const { exitCode, err } = await model('apply', fileOf(text), '--dry-run')
    expect(err).toMatch(message)
    expect(exitCode).toBe(1)
  })

  it('takes a key that is there, where it is one', async () => {
    planning([])
    const text = FILE.replace('private: true', 'private: ./keys.txt')
    const path = fileOf(text)
    writeFileSync(join(path, '../keys.txt'), 'a key of their own choice\n')
    await model('apply', path)
    const [, wanted] = vi.mocked(models.plan).mock.calls[0] ?? []
    const hash = createHash('sha256').update('a key of their own choice').digest('hex')
    expect(wanted?.[1]?.options.tokenHash).toBe(`0x${hash}`)
    writeFileSync(join(path, '../keys.txt'), 'short')
    expect((await model('apply', path)).err).toMatch(/has no key: at least 16 characters/)
  })
})
