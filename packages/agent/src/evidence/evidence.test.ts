import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { identifyGpu, verifyGuest, verifyQuote } from '@cloister/attest'
import { GpuReport } from '@cloister/core'
import { developmentSource } from '@cloister/development/evidence'
import { DevelopmentRoot } from '@cloister/development/root'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dstackSource } from './dstack.ts'
import { gpuEvidenceBy } from './gpu-command.ts'
import { nitroSource } from './nitro.ts'
import type { Evidence } from './source.ts'
import { type TsmFiles, tsmSource } from './tsm.ts'

const reportData = new Uint8Array(randomBytes(64))

/**
 * Stands in for the kernel's configfs-tsm, which this machine doesn't have, after
 * Documentation/ABI/testing/configfs-tsm-report: a folder is a request; `inblob` takes 1 to 64 bytes and is
 * write-only; `outblob`, `provider` and `generation` are read-only; each write adds one to `generation`;
 * `outblob` is EINVAL before the first write; folders hold no other files.
 */
class FakeTsm implements TsmFiles {
  readonly requests = new Map<string, { generation: number; inblob: Uint8Array | undefined }>()
  provider = 'tdx_guest'
  /** The host's table of certificates; an empty read is ENOENT, as where the provider has none. */
  auxblob: Buffer | undefined
  /** Called after each write, as if somebody else were at work. */
  disturb: (request: { generation: number }) => void = () => {}
  private readonly root: string
  private readonly quote: (reportData: Uint8Array) => Uint8Array

  constructor(root: string, quote: (reportData: Uint8Array) => Uint8Array) {
    this.root = root
    this.quote = quote
  }

  async mkdir(path: string): Promise<void> {
    if (dirname(path) !== this.root || this.root.startsWith('/nowhere')) throw errno('ENOENT')
    if (this.requests.has(path)) throw errno('EEXIST')
    this.requests.set(path, { generation: 0, inblob: undefined })
  }

  async rmdir(path: string): Promise<void> {
    if (!this.requests.delete(path)) throw errno('ENOENT')
  }

  async writeFile(path: string, data: Uint8Array, { flag }: { flag: string }): Promise<void> {
    const request = this.requestOf(path)
    // Opening with O_CREAT or O_TRUNC makes no sense to configfs; what node calls r+ is plain O_RDWR.
    if (basename(path) !== 'inblob' || flag !== 'r+') throw errno('EACCES')
    if (data.length < 1 || data.length > 64) throw errno('EINVAL')
    request.inblob = data
    request.generation++
    this.disturb(request)
  }

  async readFile(path: string): Promise<Buffer> {
    const request = this.requestOf(path)
    switch (basename(path)) {
      case 'provider':
        return Buffer.from(`${this.provider}\n`)
      case 'generation':
        return Buffer.from(`${request.generation}\n`)
      case 'outblob':
        if (!request.inblob) throw errno('EINVAL')
        return Buffer.from(this.quote(request.inblob))
      case 'auxblob':
        if (!this.auxblob) throw errno('ENOENT')
        return this.auxblob
      case 'inblob':
        throw errno('EACCES')
      default:
        throw errno('ENOENT')
    }
  }

  private requestOf(path: string): { generation: number; inblob: Uint8Array | undefined } {
    const request = this.requests.get(dirname(path))
    if (!request) throw errno('ENOENT')
    return request
  }
}

function errno(code: string): Error {
  return Object.assign(new Error(code), { code })
}

describe('evidence', () => {
  let root: DevelopmentRoot
  let quote: (reportData: Uint8Array) => Uint8Array
  let folder: string
  const genuine = async (bytes: Uint8Array) => {
    const verdict = await verifyQuote(bytes, await root.endorsements(), {
      instant: Math.floor(Date.now() / 1000),
      root: root.trust,
    })
    return verdict.genuine && verdict.reportData === Buffer.from(reportData).toString('hex')
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cloister-evidence-'))
    root = await DevelopmentRoot.open(join(folder, 'root'))
    const platform = await root.manufacture()
    quote = (data) => platform.quote(data)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  describe('from the kernel (configfs-tsm)', () => {
    it('is asked for in a folder of its own, which is gone afterwards', async () => {
      const tsm = new FakeTsm('/sys/kernel/config', quote)
      const source = tsmSource('/sys/kernel/config', tsm)
      expect(await genuine((await source.quote(reportData)).quote)).toBe(true)
      expect(tsm.requests.size).toBe(0)
      const many = await Promise.all(Array.from({ length: 5 }, () => source.quote(reportData)))
      expect(many.length).toBe(5)
    })

    it('is asked for again where somebody else wrote in between, and given up at last', async () => {
      const tsm = new FakeTsm('/sys/kernel/config', quote)
      let times = 1
      tsm.disturb = (request) => times-- > 0 && request.generation++
      expect(await genuine((await tsmSource('/sys/kernel/config', tsm).quote(reportData)).quote)).toBe(true)
      times = 100
      await expect(tsmSource('/sys/kernel/config', tsm).quote(reportData)).rejects.toMatchObject({
        code: 'no-evidence',
        message: expect.stringContaining('Something else writes'),
      })
      expect(tsm.requests.size).toBe(0)
    })

    it('is a report with certificates on an SEV-SNP guest, whether the host has any or not', async () => {
      const machine = await root.manufactureSnp()
      const tsm = new FakeTsm('/sys/kernel/config', (data) => machine.report(data))
      tsm.provider = 'sev_guest'
      const tables: Uint8Array[] = []
      const amd = async (_: Uint8Array, table: Uint8Array) => {
        tables.push(table)
        return machine.endorsements()
      }
      const judge = async ({ kind, quote, endorsements }: Evidence) => {
        const verdict = await verifyGuest(kind, quote, endorsements ?? {}, {
          instant: Math.floor(Date.now() / 1000),
          root: root.trust,
        })
        return (
          verdict.genuine &&
          verdict.kind === 'sev-snp' &&
          verdict.reportData === Buffer.from(reportData).toString('hex')
        )
      }
      expect(await judge(await tsmSource('/sys/kernel/config', tsm, amd).quote(reportData))).toBe(true)
      tsm.auxblob = Buffer.from('a table')
      expect(await judge(await tsmSource('/sys/kernel/config', tsm, amd).quote(reportData))).toBe(true)
      expect(tables.map((table) => Buffer.from(table).toString())).toEqual(['', 'a table'])
    })

    it('says what is missing', async () => {
      const tsm = new FakeTsm('/sys/kernel/config', () => {
        throw errno('EBUSY')
      })
      await expect(tsmSource('/sys/kernel/config', tsm).quote(reportData)).rejects.toMatchObject({
        message: 'The kernel gave no quote: EBUSY.',
      })
      await expect(tsmSource('/nowhere/at/all', tsm).quote(reportData)).rejects.toMatchObject({
        message: expect.stringContaining('makes no quotes'),
      })
      tsm.provider = 'arm_cca_guest'
      await expect(tsmSource('/sys/kernel/config', tsm).quote(reportData)).rejects.toMatchObject({
        message: expect.stringContaining('provider of evidence is arm_cca_guest'),
      })
      // The real interface, on a machine without it.
      await expect(tsmSource('/sys/kernel/config/tsm/report').quote(reportData)).rejects.toMatchObject({
        code: 'no-evidence',
      })
    })
  })

  describe('from a dstack guest agent', () => {
    let agent: Server
    let socket: string
    let answer: (body: string) => { status: number; body: string }

    beforeAll(async () => {
      socket = join(folder, 'dstack.sock')
      // Answers `GetQuote` as dstack's guest agent does: hexadecimal quote, event log as a JSON text, the
      // report data again.
      agent = createServer((request, response) => {
        let body = ''
        request.on('data', (chunk) => (body += chunk))
        request.on('end', () => {
          const known = request.method === 'POST' && request.url === '/GetQuote'
          const { status, body: text } = known ? answer(body) : { status: 404, body: '' }
          response.writeHead(status, { 'content-type': 'application/json' }).end(text)
        })
      })
      await new Promise<void>((done) => agent.listen(socket, () => done()))
    })
    afterAll(() => new Promise<void>((done) => void agent.close(() => done())))

    it('comes with the event log', async () => {
      answer = (body) => {
        const { report_data } = JSON.parse(body)
        const made = Buffer.from(quote(new Uint8Array(Buffer.from(report_data, 'hex')))).toString('hex')
        return {
          status: 200,
          body: JSON.stringify({ quote: made, event_log: '[]', report_data, vm_config: '{}' }),
        }
      }
      const evidence = await dstackSource(socket).quote(reportData)
      expect(evidence.eventLog).toBe('[]')
      expect(await genuine(evidence.quote)).toBe(true)
    })

    it('is not taken from an agent that answers badly, or not at all', async () => {
      for (const [bad, reason] of [
        [{ status: 500, body: '' }, 'answered with status 500'],
        [{ status: 200, body: 'nonsense' }, 'other than JSON'],
        [{ status: 200, body: '{"quote":"xyz"}' }, 'no quote'],
        [{ status: 200, body: `"${'0'.repeat(9 * 1024 * 1024)}"` }, 'guest agent'],
      ] as const) {
        answer = () => bad
        await expect(dstackSource(socket).quote(reportData)).rejects.toMatchObject({
          code: 'no-evidence',
          message: expect.stringContaining(reason),
        })
      }
      await expect(dstackSource(join(folder, 'nobody.sock')).quote(reportData)).rejects.toMatchObject({
        message: expect.stringContaining('can not be reached'),
      })
    })
  })

  describe('from a Nitro enclave', () => {
    it('is what a program prints, given the user data', async () => {
      const document = (await root.manufactureEnclave()).document(reportData)
      const path = join(folder, 'document')
      writeFileSync(path, Buffer.from(document).toString('base64'))
      const script = `if (process.argv[1] !== '${Buffer.from(reportData).toString('hex')}') process.exit(1); process.stdout.write(require('fs').readFileSync('${path}', 'utf8'))`
      const evidence = await nitroSource([process.execPath, '-e', script]).quote(reportData)
      expect(evidence).toEqual({ kind: 'nitro', quote: document })
      await expect(
        nitroSource([process.execPath, '-e', 'process.exit(3)']).quote(reportData),
      ).rejects.toMatchObject({ code: 'no-evidence' })
      await expect(
        nitroSource([process.execPath, '-e', 'console.log("{}")']).quote(reportData),
      ).rejects.toThrow(/other than base64/)
    })
  })

  describe('about GPUs', () => {
    const nonce = '5a'.repeat(32)
    /** A program that prints what `nvattest` would. */
    const printing = (answer: unknown) => {
      const path = join(folder, 'gpu-evidence.json')
      writeFileSync(path, typeof answer === 'string' ? answer : JSON.stringify(answer))
      return [
        process.execPath,
        '-e',
        `if (process.argv[1] !== '${nonce}') process.exit(1); process.stdout.write(require('fs').readFileSync('${path}', 'utf8'))`,
      ]
    }

    it('is tokens, and each GPU’s report with its certificates, as a program prints them', async () => {
      const gpu = await root.manufactureGpu('h200')
      const report = Buffer.from(gpu.report(nonce)).toString('base64')
      const tokens = await root.gpuTokens(nonce, [gpu])
      const evidences = [
        {
          version: '1.0',
          arch: 'HOPPER',
          nonce,
          evidence: report,
          certificate: Buffer.from(gpu.certificates).toString('base64'),
        },
      ]
      const found = await gpuEvidenceBy(printing({ detached_eat: tokens, evidences, result_code: 0 }), nonce)
      expect(found).toEqual({ tokens, reports: [{ report, certificates: gpu.certificates }] })
      const [first] = found.reports ?? []
      expect(GpuReport.parse(first)).toEqual(first)
      const asked = { nonce, instant: Math.floor(Date.now() / 1000), root: root.trust }
      expect(
        await identifyGpu(new Uint8Array(Buffer.from(report, 'base64')), first?.certificates ?? '', asked),
      ).toEqual({ ueid: gpu.ueid, chipSku: '895' })
      expect(await gpuEvidenceBy(printing({ detached_eat: tokens }), nonce)).toEqual({ tokens })
    })

    it('of nonsense, or of a program that fails, is none', async () => {
      for (const answer of [
        '',
        'no JSON',
        { detached_eat: [], evidences: [{ evidence: '<', certificate: '' }] },
        { detached_eat: [], evidences: 'all' },
      ])
        await expect(gpuEvidenceBy(printing(answer), nonce)).rejects.toMatchObject({ code: 'no-evidence' })
      await expect(gpuEvidenceBy([process.execPath, '-e', 'process.exit(3)'], nonce)).rejects.toMatchObject({
        code: 'no-evidence',
      })
      await expect(gpuEvidenceBy(['/nowhere/at/all'], nonce)).rejects.toMatchObject({ code: 'no-evidence' })
    })
  })

  it('of a development platform is kept with the worker: the same machine after a restart', async () => {
    const own = join(folder, 'worker')
    const first = await (await developmentSource(own, join(folder, 'root'))).quote(reportData)
    const second = await (await developmentSource(own, join(folder, 'root'))).quote(reportData)
    expect(await genuine(first.quote)).toBe(true)
    const platformOf = async (bytes: Uint8Array) =>
      (
        await verifyQuote(bytes, await root.endorsements(), {
          instant: Math.floor(Date.now() / 1000),
          root: root.trust,
        })
      ).platform
    expect(await platformOf(second.quote)).toBe(await platformOf(first.quote))
  })
})
