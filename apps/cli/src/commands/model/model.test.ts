import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import { type ConfidentialParameters, leases, models, receipts } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { ACCOUNT, checkedBid, fakeCloister, folderWith, LEASE, typing, USDC, WORKER } from '../../testing.ts'
import { addModel, addReceipt } from './commands.ts'

const { run: model, runJson: modelJson } = typing(addModel, 'model')
const { run: receipt, runJson: receiptJson } = typing(addReceipt, 'receipt')

const OPTIONS = {
  version: 1,
  door: `sha256:${'d0'.repeat(32)}`,
  engine: { image: 'engine:1', digest: `sha256:${'e1'.repeat(32)}`, port: 80, memoryMiB: 64, cpuMilli: 100 },
  model: 'tiny\x1b[2J',
  contextLength: 512,
  concurrency: 2,
  endpoints: ['chat'],
}
const PRICES = { token: USDC, input: 100_000n, cached: 50_000n, output: 400_000n }
const OFFER = { id: LEASE, lease: LEASE, payee: ACCOUNT, model: 'tiny', ...PRICES, options: OPTIONS }
const ENDPOINT = {
  lease: LEASE,
  worker: WORKER,
  options: OPTIONS,
  simulated: true,
  engine: 'inside',
  offer: PRICES,
}
const RECEIPT = {
  details: { id: `rcpt_${'ab'.repeat(16)}`, model: 'tiny', outcome: 'complete' },
  charge: { input: '12', output: '7', amount: '21' },
}

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  delete process.env['CLOISTER_API_KEY']
})

describe('model list and prices', () => {
  it('show what is offered and what it costs, without what a terminal obeys', async () => {
    const cheapest = [PRICES, { token: USDC, input: 0n, cached: 0n, output: 0n }]
    const summary = { model: 'tiny\x1b[2J', offers: 2, cheapest, contextLength: 512, weights: undefined }
    vi.mocked(models.list).mockResolvedValue([summary])
    const { out } = await model('list')
    expect(out).toMatch(/tiny\[2J +2 +0\.1 USDC +0\.4 USDC +512 +not named\n.* free +free/)
    expect(out).not.toContain('\x1b')
    expect((await modelJson('list')).json).toMatchObject([{ offers: 2, cheapest: [{ input: '100000' }, {}] }])
    vi.mocked(models.list).mockResolvedValue([])
    expect((await model('list')).out).toContain('cloister model deploy')
  })

  it('say of an engine outside of the machine that it reads along', async () => {
    const outside = { ...OFFER, options: { ...OPTIONS, engine: { url: 'http://x' } } }
    vi.mocked(models.prices).mockResolvedValue([OFFER, outside] as never)
    const { out } = await model('prices', 'tiny')
    expect(out).toMatch(/0\.1 USDC +0\.05 USDC +0\.4 USDC +512 +2 +engine:1\n.* reads along/)
    expect((await modelJson('prices')).json).toHaveLength(2)
    vi.mocked(models.prices).mockResolvedValue([])
    expect(await model('prices', 'huge')).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/Nobody offers the model huge[\s\S]*cloister model list/),
    })
  })
})

describe('model chat', () => {
  let asked: ConfidentialParameters
  /** A model that says two pieces, and whose receipt is `outcome`. */
  const answering = (outcome: object) => {
    vi.mocked(models.confidential).mockImplementation((_, parameters = {}) => {
      asked = parameters
      return { endpoint: async () => ENDPOINT } as never
    })
    vi.mocked(models.chat).mockImplementation(async function* () {
      yield 'Par'
      yield 'is.\x1b[2J'
      asked.onReceipt?.({ endpoint: ENDPOINT, ...outcome } as never)
    })
  }

  it('verifies first, prints the answer and then what its receipt says', async () => {
    answering({ receipt: RECEIPT })
    process.env['CLOISTER_API_KEY'] = 'sk-clo-mine'
    const { out, err } = await model('chat', 'tiny', '--prompt', 'The capital of France?')
    expect(out).toContain('Paris.')
    expect(err).toMatch(/tiny\[2J on worker 0x90F79b…b906, lease 7f3a.*: evidence holds \(simulated\)/)
    expect(err).toMatch(
      /tiny on 0x90F79b…b906 · 12 tokens in, 7 out · 0\.000021 USDC · rcpt_(ab){16} \(simulated\)/,
    )
    expect(asked).toMatchObject({ model: 'tiny', apiKey: 'sk-clo-mine', lease: undefined })
    expect(vi.mocked(models.chat).mock.calls[0]?.[1]).toMatchObject({
      model: 'tiny',
      messages: [{ role: 'user', content: 'The capital of France?' }, expect.anything()],
    })
  })

  it('gives programs text and receipt, and fails where the receipt does not hold', async () => {
    answering({ receipt: RECEIPT })
    const { json } = await modelJson('chat', 'tiny', '--prompt', 'x', '--lease', LEASE)
    expect(json).toMatchObject({ text: 'Paris.\x1b[2J', lease: LEASE, simulated: true, receipt: RECEIPT })
    expect(asked).toMatchObject({ lease: LEASE })
    answering({ problem: new CloisterError('bad-receipt', 'It is of another answer.') })
    expect(await model('chat', 'tiny', '--prompt', 'x')).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/no receipt that holds: It is of another answer\./),
    })
  })

  it('takes the only model there is, and names them where there are several', async () => {
    answering({ receipt: RECEIPT })
    vi.mocked(models.list).mockResolvedValue([{ model: 'tiny' }] as never)
    await model('chat', '--prompt', 'x')
    expect(asked).toMatchObject({ model: 'tiny' })
    vi.mocked(models.list).mockResolvedValue([{ model: 'one' }, { model: 'two' }] as never)
    expect((await model('chat', '--prompt', 'x')).err).toMatch(/Say which: one, two\./)
  })

  it('says what to do where no endpoint is to be trusted', async () => {
    vi.mocked(models.confidential).mockReturnValue({
      endpoint: async () => {
        throw new CloisterError('not-attested', 'Its engine runs elsewhere.', { hint: 'Choose another.' })
      },
    } as never)
    expect(await model('chat', 'tiny', '--prompt', 'x', '--key-file', '/nowhere')).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/\/nowhere can not be read/),
    })
    expect((await model('chat', 'tiny', '--prompt', 'x')).err).toMatch(/runs elsewhere[\s\S]*Choose another/)
  })
})

describe('model deploy', () => {
  const bids = { bids: [checkedBid()], declined: [], token: { symbol: 'USDC', decimals: 6, address: USDC } }
  const file = (changes: object = {}) => {
    const { door: _, model: __, version: ___, ...options } = OPTIONS
    return join(
      folderWith({
        'model.json': JSON.stringify({ model: 'tiny', ...options, ...changes }),
        'w.gguf': 'GGUF',
      }),
      'model.json',
    )
  }

  beforeEach(() => {
    const cloister = fakeCloister()
    Object.assign(cloister.network, { inferenceImages: [OPTIONS.door] })
    vi.mocked(connect).mockReturnValue(cloister)
    vi.mocked(leases.bids).mockResolvedValue(bids as never)
    vi.mocked(models.deploy).mockImplementation(
      async (_, { options, offer }) => ({ lease: LEASE, worker: WORKER, options, offer }) as never,
    )
  })

  it('fetches what has an address, once, and takes nothing else than was named', async () => {
    const bytes = Buffer.from('GGUF of a hub')
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    let asked = 0
    const hub = createServer((_, response) => {
      asked++
      response.end(bytes)
    })
    await new Promise<void>((done) => hub.listen(0, '127.0.0.1', done))
    const url = `http://127.0.0.1:${(hub.address() as AddressInfo).port}/w.gguf`
    vi.stubEnv('CLOISTER_CACHE', folderWith())
    const files = (named: string) => [{ path: '/models/w.gguf', url, digest: named }]
    const deploy = (named: string) =>
      model('deploy', file({ engine: { ...OPTIONS.engine, files: files(named) } }), '--free', '--yes')
    try {
      for (const _ of [1, 2]) expect((await deploy(digest)).err).not.toMatch(/✘/)
      expect(asked).toBe(1)
      const [, sent] = vi.mocked(models.deploy).mock.lastCall ?? []
      expect(sent?.options.engine).toMatchObject({
        files: [{ path: '/models/w.gguf', digest, bytes: bytes.length }],
      })
      expect(JSON.stringify(sent?.options.engine)).not.toContain('127.0.0.1')
      const wrong = await deploy(`sha256:${'0'.repeat(64)}`)
      expect(wrong).toMatchObject({ exitCode: 1, err: expect.stringContaining(`have the digest ${digest}`) })
      expect((await deploy('latest')).err).toContain('is no digest of weights')
    } finally {
      vi.unstubAllEnvs()
      hub.close()
    }
  })

  it('takes prices in whole tokens for a million, and files by their path', async () => {
    const engine = { ...OPTIONS.engine, files: [{ path: '/models/w.gguf', from: 'w.gguf' }] }
    const path = file({ engine, weights: { from: 'w.gguf' } })
    const { out, err } = await model('deploy', path, '--input', '0.1', '--output', '0.4', '--yes')
    expect(err).not.toMatch(/✘/)
    expect(out).toMatch(/tiny runs as 7f3a0{12} on 0x90F79b…b906/)
    const [, parameters] = vi.mocked(models.deploy).mock.calls[0] ?? []
    const digest = `sha256:${createHash('sha256').update('GGUF').digest('hex')}`
    expect(parameters).toMatchObject({
      offer: { token: 'USDC', input: 100_000n, cached: 100_000n, output: 400_000n },
      options: {
        door: OPTIONS.door,
        engine: { files: [{ path: '/models/w.gguf', bytes: 4, digest }] },
        weights: { digest },
      },
    })
    expect(parameters?.contents).toMatchObject([{ bytes: 4 }])
  })

  it('gives a private endpoint a key of its own, of which the chain sees nothing', async () => {
    const { json } = await modelJson('deploy', file(), '--private', '--yes')
    expect(json).toMatchObject({ accessToken: expect.stringMatching(/^clo-/) })
    const [, parameters] = vi.mocked(models.deploy).mock.calls[0] ?? []
    expect(parameters?.offer).toBeUndefined()
    expect(parameters?.options.tokenHash).toMatch(/^0x[0-9a-f]{64}$/)
  })

  it.each([
    [[], /Say what answers cost, or who may ask/],
    [['--free', '--private'], /Say what answers cost/],
    [['--input', 'much', '--output', '1'], /much/],
    [['--free', '--payee', '0x12'], /not a whole address/],
  ])('refuses %j before anything is asked', async (words, message) => {
    expect(await model('deploy', file(), ...words, '--yes')).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(message),
    })
    expect(models.deploy).not.toHaveBeenCalled()
  })

  it('says which field of a file is wrong, and what a file is that is none', async () => {
    expect((await model('deploy', file({ contextLength: 0 }), '--free', '--yes')).err).toMatch(
      /contextLength/,
    )
    expect((await model('deploy', '/nowhere.json', '--free', '--yes')).err).toMatch(/docs\/inference\.md/)
  })
})

describe('the purse and API keys', () => {
  beforeEach(() => {
    vi.mocked(models.purse).mockResolvedValue({ balance: 3_000_000n, leaving: 0n, leavesAt: undefined })
  })

  it('is filled, shown and emptied in two steps', async () => {
    vi.mocked(models.fund).mockResolvedValue()
    expect((await model('fund', '2')).out).toMatch(/Your purse has 3 USDC/)
    expect(vi.mocked(models.fund).mock.calls[0]?.[1]).toEqual({ token: 'USDC', amount: 2_000_000n })
    expect((await modelJson('purse')).json).toMatchObject({ balance: '3000000' })
    vi.mocked(models.purse).mockResolvedValue({ balance: 1n, leaving: 1n, leavesAt: 1_900_000_000 })
    expect((await model('purse')).out).toMatch(/leaving +0\.000001 USDC from 2030-/)
    vi.mocked(models.withdraw).mockResolvedValueOnce({ withdrawn: 0n, readyAt: 1_900_000_000 })
    expect((await model('withdraw', '1')).out).toMatch(/Announced.*until 2030-.*type the same again/)
    vi.mocked(models.withdraw).mockResolvedValueOnce({ withdrawn: 1_000_000n, readyAt: undefined })
    expect((await model('withdraw', '1')).out).toMatch(/1 USDC is back in your account/)
    for (const words of [
      ['fund', '0'],
      ['withdraw', '0'],
      ['fund', '1', '--token', 'NONE'],
    ])
      expect(await model(...words)).toMatchObject({ exitCode: 1 })
  })

  it('has keys made, shown once or written where only their owner reads', async () => {
    const made = { apiKey: 'sk-clo-secret', key: WORKER, token: USDC, cap: 5_000_000n, until: 1_900_000_000 }
    vi.mocked(models.createKey).mockResolvedValue(made)
    const { out } = await model('key', 'create', '--cap', '5')
    expect(out).toMatch(/^sk-clo-secret\nIt spends 5 USDC of your purse at most.*shown this once/)
    const path = join(folderWith(), 'key.txt')
    const written = await model('key', 'create', '--cap', '5', '-o', path)
    expect(written.out).not.toContain('sk-clo-secret')
    expect(readFileSync(path, 'utf8')).toBe('sk-clo-secret\n')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect((await model('key', 'create', '--cap', '5', '-o', path)).err).toMatch(
      /can not be written \(EEXIST\)/,
    )
    expect((await model('key', 'create', '--cap', '0')).err).toMatch(/a cap of more than nothing/)
  })

  it('shows what keys may still spend, and cuts one off', async () => {
    const key = { key: WORKER, payer: ACCOUNT, token: USDC, cap: 5n, drawn: 1n, until: 1_900_000_000 }
    vi.mocked(models.keys).mockResolvedValue([key, { ...key, cap: 0n }, { ...key, until: 1 }])
    const { out } = await model('key', 'list')
    expect(out).toMatch(/good\n[\s\S]*revoked\n[\s\S]*over\n/)
    vi.mocked(models.revokeKey).mockResolvedValue()
    expect((await modelJson('key', 'revoke', WORKER)).json).toEqual({ key: WORKER, revoked: true })
    vi.mocked(models.keyOf).mockResolvedValue(key)
    expect((await model('key', 'revoke', 'sk-clo-x')).out).toMatch(/draws nothing more/)
    expect((await model('key', 'revoke', 'nothing')).err).toMatch(/neither the address of a key nor a key/)
  })
})

describe('receipts', () => {
  const verified = {
    ok: true,
    simulated: true,
    sentence: 'Simulated: it answered.',
    steps: [
      { step: 'content', outcome: 'holds', says: 'Signed\x1b[2J.' },
      { step: 'anchor', outcome: 'unknown', says: 'Not anchored yet.' },
    ],
    limits: ['It does not say that the answer is right.'],
  }

  it('are fetched by id, and kept as a file', async () => {
    vi.mocked(receipts.fetch).mockResolvedValue(RECEIPT as never)
    expect(JSON.parse((await receipt('get', RECEIPT.details.id)).out)).toEqual(RECEIPT)
    const path = join(folderWith(), 'receipt.json')
    expect((await receipt('get', RECEIPT.details.id, '-o', path)).out).toContain('cloister receipt verify')
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(RECEIPT)
  })

  it('are verified by id or file, and with the bytes, and say what they don’t prove', async () => {
    vi.mocked(receipts.fetch).mockResolvedValue(RECEIPT as never)
    vi.mocked(receipts.verify).mockResolvedValue(verified as never)
    const { out, exitCode } = await receipt('verify', RECEIPT.details.id)
    expect(exitCode).toBe(0)
    expect(out).toMatch(
      /Simulated: it answered\.\n\n {2}✔ Signed\[2J\.\n {2}\? Not anchored yet\.\n\nWhat it does not prove:/,
    )
    const folder = folderWith({ 'r.json': JSON.stringify(RECEIPT), answer: 'Paris.', 'no.json': 'no' })
    const { json } = await receiptJson('verify', `${folder}/r.json`, '--response', `${folder}/answer`)
    expect(json).toMatchObject({ ok: true })
    const [, file, subject] = vi.mocked(receipts.verify).mock.calls[1] ?? []
    expect(file).toEqual(RECEIPT)
    expect(Buffer.from(subject?.response ?? []).toString()).toBe('Paris.')
    expect((await receipt('verify', `${folder}/no.json`)).err).toMatch(/is not JSON/)
    expect((await receipt('verify', 'rcpt_1')).err).toMatch(
      /neither a receipt’s id nor a file|neither a receipt's id/,
    )
  })

  it('end with an exit code of 1 where they don’t hold', async () => {
    vi.mocked(receipts.fetch).mockResolvedValue(RECEIPT as never)
    const steps = [{ step: 'content', outcome: 'fails', says: 'Changed.' }]
    vi.mocked(receipts.verify).mockResolvedValue({ ...verified, ok: false, steps } as never)
    expect(await receipt('verify', RECEIPT.details.id)).toMatchObject({
      exitCode: 1,
      out: expect.stringMatching(/✘ Changed\./),
    })
  })
})
