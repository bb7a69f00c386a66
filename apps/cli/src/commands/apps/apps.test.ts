import { readFileSync } from 'node:fs'
import {
  type App,
  allowInApp,
  appIdOf,
  forbidInApp,
  freezeApp,
  getApp,
  getRoles,
  registerApp,
  setUpgradeDelay,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { apps } from '@cloister/sdk'
import type { Envelope } from '@cloister/secrets'
import type { Hex } from 'viem'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import {
  ACCOUNT,
  composeFile,
  fakeCloister,
  folderWith,
  LEASE,
  PROVIDER,
  typed,
  typing,
  WORKER,
} from '../../testing.ts'
import { addApps } from './commands.ts'

const { run, runJson } = typing(addApps, 'apps')
const { run: seal, runJson: sealJson } = typing(addApps, 'secrets', 'seal')
const APP: Hex = `0x${'ab'.repeat(32)}`
const MEASUREMENT: Hex = `0x${'cd'.repeat(32)}`
const MANIFEST: Hex = `0x${'ef'.repeat(32)}`
const DAY = 86_400

const app = (changes: Partial<App> = {}): App => ({
  app: APP,
  owner: ACCOUNT,
  upgradeDelay: 0,
  frozenAt: undefined,
  manifests: [{ hash: MANIFEST, allowedFrom: 1, void: false }],
  measurements: [],
  ...changes,
})

/** What covered workers run, and what of it may earn. */
let measurements: (Hex | undefined)[]
let roles: number

beforeEach(() => {
  measurements = [MEASUREMENT, MEASUREMENT, undefined]
  roles = 1
  const index = {
    workers: async () =>
      measurements.map((measurement) => ({ worker: WORKER, ...(measurement && { measurement }) })),
  }
  vi.mocked(connect).mockReturnValue(fakeCloister({ index }))
  vi.mocked(appIdOf).mockReturnValue(APP)
  vi.mocked(getApp).mockResolvedValue(app())
  vi.mocked(getRoles).mockImplementation(async () => roles)
  vi.mocked(registerApp).mockResolvedValue(APP)
  const receipt = {} as Awaited<ReturnType<typeof freezeApp>>
  for (const change of [allowInApp, forbidInApp, freezeApp, setUpgradeDelay])
    vi.mocked(change).mockResolvedValue(receipt)
})

describe('apps list', () => {
  it('shows names and ids, or how to begin', async () => {
    vi.mocked(apps.list).mockResolvedValue([{ app: APP, name: 'shop' }])
    expect((await run('list')).out).toBe(`name  id\nshop  ${APP}\n`)
    vi.mocked(apps.list).mockResolvedValue([])
    expect((await run('list')).out).toMatch(/^No apps of .*cloister apps create NAME FILE\n$/)
    expect(await runJson('list')).toEqual({ json: [], exitCode: 0 })
  })

  it('needs an account', async () => {
    vi.mocked(connect).mockReturnValue(fakeCloister({ wallet: undefined }))
    const { err, exitCode } = await run('list')
    expect(err).toContain('✘ That needs an account to sign with.\n  Make one with `cloister wallet create`')
    expect(exitCode).toBe(1)
  })
})

describe('apps show', () => {
  it('says what may have the keys and from when, and what never will', async () => {
    const later = Math.round(Date.now() / 1000) + DAY
    const manifests = [
      { hash: MANIFEST, allowedFrom: 1, void: false },
      { hash: LEASE, allowedFrom: later, void: false },
    ]
    const known = app({
      upgradeDelay: DAY,
      manifests,
      measurements: [{ hash: MEASUREMENT, allowedFrom: later, void: true }],
    })
    vi.mocked(getApp).mockResolvedValue(known)
    const { out } = await run('show', 'shop')
    expect(out).toMatch(/upgrade delay +1d\n/)
    expect(out).toMatch(new RegExp(`manifest +${MANIFEST} +counts\n`))
    expect(out).toMatch(new RegExp(`manifest +${LEASE} +from \\d{4}-.* UTC\n`))
    expect(out).toMatch(new RegExp(`measurement +${MEASUREMENT} +never: the app was frozen first\n`))
    vi.mocked(getApp).mockResolvedValue(app({ frozenAt: 1_900_000_000 }))
    expect((await run('show', 'shop')).out).toMatch(
      /none: what is allowed counts at once\nfrozen +since 2030-03-17/,
    )
  })

  it('takes an id as it is, and a name as the account’s own', async () => {
    await run('show', MEASUREMENT)
    expect(vi.mocked(getApp).mock.calls[0]?.[1]).toBe(MEASUREMENT)
    await run('show', 'shop')
    expect(vi.mocked(appIdOf).mock.calls[0]?.slice(1)).toEqual([ACCOUNT, 'shop'])
    expect(vi.mocked(getApp).mock.calls[1]?.[1]).toBe(APP)
  })

  it('says that there is no such app', async () => {
    const unknown = new CloisterError('not-found', 'There is no app 0xabab….', {
      hint: { do: 'register-app' },
    })
    vi.mocked(getApp).mockRejectedValue(unknown)
    const { err, exitCode } = await run('show', 'shop')
    expect(err).toBe('✘ There is no app 0xabab….\n  Register it with `cloister apps create`.\n')
    expect(exitCode).toBe(1)
  })
})

describe('apps create', () => {
  const registered = () => vi.mocked(registerApp).mock.calls[0]?.[1]

  it('registers the hashes of files, and the measurements that covered workers may earn with', async () => {
    const file = composeFile()
    const { out, exitCode } = await run('create', 'shop', file, '--upgrade-delay', '3d')
    expect(registered()).toEqual({
      name: 'shop',
      upgradeDelay: 3 * DAY,
      manifests: [expect.stringMatching(/^0x[0-9a-f]{64}$/)],
      measurements: [MEASUREMENT],
    })
    expect(out).toContain(`cloister deploy ${file} --app shop --secrets FILE`)
    expect(exitCode).toBe(0)
  })

  it('takes measurements that are named, and no text that is no hash', async () => {
    await run('create', 'shop', composeFile(), '--measurement', MANIFEST)
    expect(registered()?.measurements).toEqual([MANIFEST])
    const wrong = await run('create', 'shop', composeFile(), '--measurement', 'latest')
    expect(wrong.err).toBe('✘ "latest" is not a measurement.\n  See `cloister workers --json`.\n')
    expect(wrong.exitCode).toBe(1)
    expect(registerApp).toHaveBeenCalledOnce()
  })

  it('registers nothing where no measurement may earn', async () => {
    roles = 2
    const { err, exitCode } = await run('create', 'shop', composeFile())
    expect(err).toContain(
      '✘ No covered worker has a measurement that may earn.\n  Name measurements with --measurement.',
    )
    expect(exitCode).toBe(1)
    measurements = []
    expect((await run('create', 'shop', composeFile())).exitCode).toBe(1)
    expect(registerApp).not.toHaveBeenCalled()
  })

  it('registers the file of each lease of a cluster, which differ', async () => {
    const file = composeFile()
    const { out } = await run('create', 'mpi', file, '--cluster', 'mpi', '-n', '3')
    expect(new Set(registered()?.manifests).size).toBe(3)
    expect(out).toContain(`cloister cluster up ${file} -n 3 --name mpi --app mpi --secrets FILE`)
    for (const part of [
      ['--cluster', 'mpi'],
      ['-n', '3'],
    ]) {
      const { err, exitCode } = await run('create', 'mpi', file, ...part)
      expect(err).toContain('by its name and its size together')
      expect(exitCode).toBe(1)
    }
    expect(registerApp).toHaveBeenCalledOnce()
  })

  it('says what the contract says', async () => {
    vi.mocked(registerApp).mockRejectedValue(new CloisterError('reverted', 'There is an app of that name.'))
    expect(await runJson('create', 'shop', composeFile())).toMatchObject({
      json: { error: { code: 'reverted', message: 'There is an app of that name.' } },
      exitCode: 1,
    })
  })
})

describe('apps allow and forbid', () => {
  it('send one transaction for each entry', async () => {
    await run('allow', 'shop', MANIFEST, '--measurement', MEASUREMENT)
    const calls = vi.mocked(allowInApp).mock.calls.map(([, ...rest]) => rest)
    expect(calls).toEqual([
      [APP, 'measurement', MEASUREMENT],
      [APP, 'manifest', MANIFEST],
    ])
    await run('forbid', 'shop', composeFile())
    expect(vi.mocked(forbidInApp).mock.calls[0]?.slice(1, 3)).toEqual([APP, 'manifest'])
  })

  it.each(['allow', 'forbid'])('say that there is nothing to %s', async (what) => {
    const { err, exitCode } = await run(what, 'shop')
    expect(err).toBe(
      `✘ There is nothing to ${what}.\n  Name a file, the hash of a manifest, or --measurement.\n`,
    )
    expect(exitCode).toBe(1)
  })

  it('give programs the policy as it is then', async () => {
    expect((await runJson('allow', 'shop', MANIFEST)).json).toMatchObject({
      app: APP,
      manifests: [{ hash: MANIFEST, allowedFrom: 1 }],
    })
  })
})

describe('apps delay', () => {
  it('reads a time as people type it', async () => {
    await run('delay', 'shop', '1d12h')
    expect(vi.mocked(setUpgradeDelay).mock.calls[0]?.slice(1)).toEqual([APP, 1.5 * DAY])
    expect((await run('delay', 'shop', 'long')).exitCode).toBe(1)
    expect(setUpgradeDelay).toHaveBeenCalledOnce()
  })
})

describe('apps freeze', () => {
  it('shows the policy and asks, and freezes nothing where the answer is no', async () => {
    vi.mocked(confirm).mockResolvedValue(false)
    const { out, err, exitCode } = await run('freeze', 'shop')
    expect(out).toContain(MANIFEST)
    expect(err).toContain('✘ Nothing was frozen.')
    expect(exitCode).toBe(1)
    expect(freezeApp).not.toHaveBeenCalled()
  })

  it.each(['--yes', '--json'])('asks nothing of a script that says %s', async (word) => {
    const { out, exitCode } = await run('freeze', 'shop', word)
    expect(exitCode).toBe(0)
    // Once, as it is then.
    expect(out.split(APP)).toHaveLength(2)
    expect(confirm).not.toHaveBeenCalled()
    expect(vi.mocked(freezeApp).mock.calls[0]?.[1]).toBe(APP)
  })
})

describe('secrets seal', () => {
  const envelope = { app: APP, names: ['PASSWORD', 'cert'] } as unknown as Envelope

  it('seals lines and files to an app, into a file', async () => {
    vi.mocked(apps.seal).mockResolvedValue(envelope)
    const folder = folderWith({ 'prod.env': "PASSWORD='a$b'\n", 'cert.pem': 'pem' })
    const words = [
      '--app',
      'shop',
      '--secrets',
      `${folder}/prod.env`,
      '--secret-file',
      `cert=${folder}/cert.pem`,
    ]
    const { out } = await seal(...words, '-o', `${folder}/sealed`)
    expect(out).toMatch(/^Sealed PASSWORD, cert to the app 0xabab.*sealed\. Two of three seats/)
    expect(JSON.parse(readFileSync(`${folder}/sealed`, 'utf8'))).toEqual(envelope)
    const secrets = vi.mocked(apps.seal).mock.calls[0]?.[2] ?? {}
    expect(Object.entries(secrets).map(([name, value]) => [name, Buffer.from(value).toString()])).toEqual([
      ['PASSWORD', 'a$b'],
      ['cert', 'pem'],
    ])
    const { json } = await sealJson(...words, '-o', `${folder}/sealed`)
    expect(json).toEqual({ app: APP, names: ['PASSWORD', 'cert'], output: `${folder}/sealed` })
  })

  it('loses nothing after a dollar sign without a word', async () => {
    const folder = folderWith({ 'prod.env': 'OK=1\nPASSWORD=a$bcd\n' })
    const words = ['--app', 'shop', '--secrets', `${folder}/prod.env`, '-o', `${folder}/sealed`]
    const { err, exitCode } = await seal(...words)
    expect(err).toContain('prod.env:2: the variable bcd is not set.')
    expect(err).toContain('Write $$ for a dollar sign')
    expect(exitCode).toBe(1)
  })

  it.each([
    [[], 'There is nothing to seal.'],
    [['--secret-file', 'a=/nowhere'], '/nowhere can not be read (ENOENT).'],
    [['--app', 'shop', '--secret-file', 'nameless'], '--secret-file takes name=path, not "nameless".'],
    [['--sealed', 'x', '--secrets', 'y'], 'Say --sealed, or --secrets and --secret-file, not both.'],
    [['--sealed', '/dev/null'], '/dev/null holds no sealed secrets.'],
  ])('refuses %j', async (words, message) => {
    const { err, exitCode } = await seal(...words, '-o', '/nowhere/sealed')
    expect(err).toContain(`✘ ${message}`)
    expect(exitCode).toBe(1)
    expect(apps.seal).not.toHaveBeenCalled()
  })

  it('says that it can’t write where it was told to', async () => {
    vi.mocked(apps.seal).mockResolvedValue(envelope)
    const folder = folderWith({ 'prod.env': 'A=1\n' })
    const words = ['--app', 'shop', '--secrets', `${folder}/prod.env`, '-o', `${folder}/nowhere/x`]
    const { err, exitCode } = await seal(...words)
    expect(err).toContain(`✘ ${folder}/nowhere/x can not be written (ENOENT).`)
    expect(exitCode).toBe(1)
  })

  it('needs an app, and says which command makes one', async () => {
    const folder = folderWith({ 'prod.env': 'A=1\n' })
    const { err } = await seal('--secrets', `${folder}/prod.env`, '-o', `${folder}/x`)
    expect(err).toContain('✘ Secrets are sealed to an app, and none is named.')
    expect(err).toContain('register one with `cloister apps create`')
  })

  it('says that too few seats answer', async () => {
    const hint = { do: 'look-at-key-service' } as const
    vi.mocked(apps.seal).mockRejectedValue(
      new CloisterError('keys-unavailable', 'One seat answers.', { hint }),
    )
    const folder = folderWith({ 'prod.env': 'A=1\n' })
    const words = ['--app', 'shop', '--secrets', `${folder}/prod.env`, '-o', `${folder}/x`]
    expect((await seal(...words)).err).toBe(
      '✘ One seat answers.\n  Two of its three seats are needed; see `cloister keys`.\n',
    )
  })
})

describe('keys', () => {
  const seat = (index: number, changes: object = {}) => ({
    index,
    worker: WORKER,
    provider: PROVIDER,
    lease: LEASE,
    state: { open: true },
    problem: undefined,
    ...changes,
  })
  const withSeats = (...seats: object[]) =>
    vi.mocked(apps.keyService).mockResolvedValue(seats as Awaited<ReturnType<typeof apps.keyService>>)
  const keys = async () => (await typed(addApps, 'keys')).out

  it('says what each seat holds, and what their number means', async () => {
    withSeats(seat(0), seat(1), seat(2))
    expect(await keys()).toMatch(/0 +0x90F79b…b906 .*yes +parts 1 and 2 of three\n[\s\S]*any one may be lost/)
    withSeats(seat(0), seat(1), seat(2, { state: undefined, problem: 'Its manifest\x1b[2J is another.' }))
    expect(await keys()).toMatch(/2 .*no +Its manifest\[2J is another\.\n[\s\S]*no other one may be lost/)
    withSeats(seat(0), seat(1, { state: { open: false } }))
    expect(await keys()).toMatch(/1 .*not yet +parts 0 and 2[\s\S]*no secret can be sealed or opened now/)
    withSeats()
    expect(await keys()).toBe('No seat of the key service is filled: nothing can be sealed here.\n')
  })
})
