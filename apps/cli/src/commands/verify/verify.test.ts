import { readFileSync, writeFileSync } from 'node:fs'
import { getAttestationAge, getConfirmedGpus } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { DevelopmentRoot } from '@cloister/development/root'
import { verify } from '@cloister/sdk'
import type { BundleVerdict } from '@cloister/verify'
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect, findNetwork } from '../../context.ts'
import {
  composeFile,
  fakeCloister,
  folderWith,
  LEASE,
  networkOf,
  typed,
  typedJson,
  WORKER,
} from '../../testing.ts'
import { addVerify } from './commands.ts'

const verdict = (changes: Partial<BundleVerdict> = {}): BundleVerdict =>
  ({
    genuine: true,
    simulated: false,
    measurement: LEASE,
    places: [],
    problems: [],
    verdict: { kind: 'tdx', root: 'intel', tcb: { status: 'UpToDate', advisories: [] } },
    groups: [
      {
        title: 'The machine',
        checks: [
          { title: 'ends in Intel’s root', ok: true, found: 'intel\x1b[2J', source: 'TDX module 1.5' },
          { title: 'is not in debug mode', ok: true, found: '0', source: 'section 3' },
        ],
      },
    ],
    sentence: 'It ran in a genuine confidential machine.',
    ...changes,
  }) as unknown as BundleVerdict

const withVerdict = (found: BundleVerdict) =>
  vi.mocked(verify.check).mockResolvedValue({
    bundle: { worker: { address: WORKER } },
    verdict: found,
  } as Awaited<ReturnType<typeof verify.check>>)

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister({ index: { worker: async () => ({ gpus: 2 }) } }))
  vi.mocked(findNetwork).mockImplementation(() => {
    throw new CloisterError('no-network', 'There is no network to talk to.')
  })
  vi.mocked(getAttestationAge).mockResolvedValue(60)
  vi.mocked(getConfirmedGpus).mockResolvedValue({ gpuClass: 'h100', gpus: 2 })
  withVerdict(verdict())
})

describe('verify', () => {
  it('shows each check with its source, and one sentence', async () => {
    const { out, exitCode } = await typed(addVerify, 'verify', 'shop')
    expect(out).toBe(
      '✔ The machine\n' +
        '  ├ ✔ ends in Intel’s root: intel[2J (TDX module 1.5)\n' +
        '  └ ✔ is not in debug mode: 0 (section 3)\n' +
        '\n' +
        'It ran in a genuine confidential machine.\n',
    )
    expect(exitCode).toBe(0)
    expect(vi.mocked(verify.check).mock.calls[0]?.[1]).toBe('shop')
  })

  it('ends with 1 where a check fails, and shows what was expected', async () => {
    const check = { title: 'runs the manifest', ok: false, found: '0xaa', expected: '0xbb', source: 'chain' }
    const groups = [{ title: 'The app', checks: [check] }] as unknown as BundleVerdict['groups']
    withVerdict(verdict({ genuine: false, groups, sentence: 'Do not trust this: it runs something else.' }))
    const { out, exitCode } = await typed(addVerify, 'verify', 'shop')
    expect(out).toContain('✘ The app\n  └ ✘ runs the manifest: 0xaa; expected 0xbb (chain)\n')
    expect(out).toContain('Do not trust this: it runs something else.')
    expect(exitCode).toBe(1)
    const { json, exitCode: code } = await typedJson(addVerify, 'verify', 'shop')
    expect(json).toMatchObject({ ok: false, genuine: false, policy: [] })
    expect(code).toBe(1)
  })

  it('ends with 1 where every check holds and the policy isn’t met', async () => {
    vi.mocked(getAttestationAge).mockResolvedValue(7_200)
    const { out, exitCode } = await typed(addVerify, 'verify', 'shop', '--policy', 'root=intel,age=1h')
    expect(out).toMatch(/✘ Policy: .*1h/)
    expect(out).toContain('Every check holds, but it is not what the policy asks:')
    expect(exitCode).toBe(1)
    expect((await typed(addVerify, 'verify', 'shop', '--policy', 'root=intel,age=3h')).exitCode).toBe(0)
  })

  it('counts the GPUs that the worker says it has against those that others confirmed', async () => {
    const words = ['verify', WORKER, '--policy', 'gpu=confidential,age=3h']
    expect((await typed(addVerify, ...words)).exitCode).toBe(0)
    vi.mocked(getConfirmedGpus).mockResolvedValue({ gpuClass: 'h100', gpus: 1 })
    expect((await typed(addVerify, ...words)).out).toContain('1 GPUs of class h100 are confirmed')
  })

  it('shows what keeps it from a verdict', async () => {
    const hint = { do: 'check-kept-evidence' } as const
    vi.mocked(verify.check).mockRejectedValue(
      new CloisterError('unreachable', 'The worker does not answer.', { hint }),
    )
    const { err, exitCode } = await typed(addVerify, 'verify', 'shop')
    expect(err).toBe(
      '✘ The worker does not answer.\n  Evidence that was kept can be checked still: `cloister verify --offline FILE`.\n',
    )
    expect(exitCode).toBe(1)
  })

  it.each([
    [[], 'Say what to verify: a lease, a URL or a worker, or --offline with a file.'],
    [['shop', '--offline', 'x.json'], 'Say what to verify'],
    [['./nowhere.bin'], 'There is no file ./nowhere.bin.'],
    [['--offline', '/tmp'], '/tmp can not be read'],
    [['shop', '--policy', 'root=moon'], 'The policy is wrong'],
  ])('refuses %j', async (words, message) => {
    const { err, exitCode } = await typed(addVerify, 'verify', ...words)
    expect(err).toContain(message)
    expect(exitCode).toBe(1)
  })
})

describe('verify of a file', () => {
  let root: DevelopmentRoot
  let quote: Uint8Array
  const DATA = 'ab'.repeat(64)

  beforeAll(async () => {
    root = await DevelopmentRoot.create()
    quote = (await root.manufacture()).quote(new Uint8Array(64).fill(0xab))
  })

  /** A folder with a quote, its endorsements and the network whose root it ends in. */
  async function files(): Promise<string> {
    const folder = folderWith({
      'network.json': JSON.stringify(networkOf(Buffer.from(root.certificate).toString('base64'))),
      'endorsements.json': JSON.stringify(await root.endorsements()),
      'nothing.txt': 'not evidence',
      'broken.json': '{"format":"cloister-evidence/1"}',
    })
    writeFileSync(`${folder}/quote.bin`, quote)
    return folder
  }
  const check = (folder: string, name: string, ...words: string[]) =>
    typed(addVerify, 'verify', `${folder}/${name}`, '--endorsements', `${folder}/endorsements.json`, ...words)

  it('says of a development machine that it is simulated', async () => {
    const folder = await files()
    vi.mocked(findNetwork).mockReturnValue(`${folder}/network.json`)
    const { out, exitCode } = await check(folder, 'quote.bin', '--report-data', DATA)
    expect(out).toMatch(/imulated/)
    expect(out).toMatch(new RegExp(`report data +${DATA}`))
    expect(exitCode).toBe(0)
    const { json } = await typedJson(
      addVerify,
      ...['verify', `${folder}/quote.bin`, '--endorsements', `${folder}/endorsements.json`],
    )
    expect(json).toMatchObject({ ok: true, documents: [{ genuine: true, simulated: true }] })
  })

  it('trusts no development root without the network that has it', async () => {
    const { out, exitCode } = await check(await files(), 'quote.bin')
    expect(out).toContain('Do not trust this')
    expect(exitCode).toBe(1)
  })

  it('holds it to what was asked for', async () => {
    const folder = await files()
    vi.mocked(findNetwork).mockReturnValue(`${folder}/network.json`)
    const { out, exitCode } = await check(folder, 'quote.bin', '--report-data', '0x1234')
    expect(out).toContain('The report data is another than was asked for')
    expect(exitCode).toBe(1)
  })

  it.each([
    ['nothing.txt', [], 'There is no evidence of a known form in it'],
    ['quote.bin', ['--report-data', 'xyz'], '--report-data takes up to 64 bytes in hexadecimal digits.'],
    ['quote.bin', ['--at', 'yesterday'], '--at takes a time such as'],
    ['quote.bin', ['--endorsements', '/nowhere'], 'There is no file /nowhere.'],
    ['quote.bin', ['--policy', 'age=1h'], '--policy is for leases, workers and bundles'],
    ['broken.json', ['--policy', 'age=1h'], 'A file can not tell what the chain says now: age=1h.'],
  ])('refuses %s %j', async (name, words, message) => {
    const { err, exitCode } = await check(await files(), name, ...words)
    expect(err).toContain(message)
    expect(exitCode).toBe(1)
  })

  it('says of a broken bundle that it is not to be trusted', async () => {
    const folder = await files()
    const { out, err, exitCode } = await typed(addVerify, 'verify', '--offline', `${folder}/broken.json`)
    expect(err).toContain('Checked against Intel’s root. What the chain said is taken as the file has it.')
    expect(out).toContain('Do not trust this')
    expect(exitCode).toBe(1)
  })
})

describe('evidence', () => {
  const bundle = { format: 'cloister-evidence/1', recordedAt: 1_900_000_000 }

  beforeEach(() => {
    vi.mocked(verify.evidence).mockResolvedValue(bundle as Awaited<ReturnType<typeof verify.evidence>>)
  })

  it('is printed, or written with what to do with it', async () => {
    expect(JSON.parse((await typed(addVerify, 'evidence', 'shop')).out)).toEqual(bundle)
    const path = `${folderWith()}/bundle.json`
    const { out } = await typed(addVerify, 'evidence', 'shop', '-o', path)
    expect(out).toContain(`Wrote ${path} (0 KiB), recorded at 2030-03-17 17:46:40 UTC.`)
    expect(out).toContain(`cloister verify --offline ${path}`)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(bundle)
    expect((await typedJson(addVerify, 'evidence', 'shop', '-o', path)).json).toEqual({
      written: path,
      bytes: readFileSync(path).length,
    })
  })

  it('takes the file along that the hash stands for', async () => {
    await typed(addVerify, 'evidence', 'shop', '--manifest', composeFile())
    expect(vi.mocked(verify.evidence).mock.calls[0]?.[2]).toMatchObject({
      services: { web: { image: 'nginx:alpine' } },
    })
  })

  it('says that it can’t write where it was told to', async () => {
    const { err, exitCode } = await typed(addVerify, 'evidence', 'shop', '-o', '/nowhere/bundle.json')
    expect(err).toContain('✘ /nowhere/bundle.json can not be written (ENOENT).')
    expect(exitCode).toBe(1)
  })
})
