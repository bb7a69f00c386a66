import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { DevelopmentRoot } from '@cloister/development/root'
import { exportJWK, type JSONWebKeySet, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import {
  composeBytes,
  dstackReportData,
  fetchSnpEndorsements,
  gpuClassOf,
  identifyGpu,
  identityOf,
  parseEventLog,
  replayEventLog,
  verifyDstack,
  verifyGpuReport,
  verifyGpuTokens,
  verifyNitroDocument,
  verifySnpReport,
} from '../src/index.ts'
import { parseQuote } from '../src/intel/quote.ts'
import { hasVectors, readVector } from './vectors.ts'

const json = (path: string) => JSON.parse(new TextDecoder().decode(readVector(path)))
const codes = (verdict: { problems: { code: string }[] }) => verdict.problems.map(({ code }) => code)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** `bytes` with every one of `count` spread bytes changed in turn. */
function* flips(bytes: Uint8Array, count: number): Generator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    const changed = bytes.slice()
    const at = Math.floor((i / count) * bytes.length)
    changed[at] = (changed[at] ?? 0) ^ (1 << (i % 8))
    yield changed
  }
}

describe.skipIf(!hasVectors)(
  'dstack machines (real vectors; left out where shared/vectors is absent)',
  () => {
    const read = (path: string) => {
      const { quote, event_log: eventLog, report_data: reportData } = json(path)
      const { body } = parseQuote(new Uint8Array(Buffer.from(quote, 'hex')))
      if (body.kind !== 'tdx') throw new Error('not TDX')
      const measurements = Object.fromEntries(
        body.report.rtmr.map((register, index) => [`rtmr${index}`, hex(register)]),
      )
      return {
        eventLog: eventLog as string,
        measurements,
        reportData: reportData as string,
        signed: hex(body.report.reportData),
      }
    }

    it.each(['dstack/quote-report.json', 'dstack/tdx-lite-getquote.json'])(
      'replay in all four registers, and say which app runs: %s',
      async (path) => {
        const { eventLog, measurements, reportData, signed } = read(path)
        const verdict = await verifyDstack({ genuine: true, measurements }, eventLog)
        expect(verdict.problems).toEqual([])
        expect(verdict.genuine).toBe(true)
        expect(verdict.identity?.composeHash.slice(0, 40)).toBe(verdict.identity?.appId)
        expect(verdict.identity?.keyProvider?.name).toMatch(/^(local-sgx|kms)$/)
        expect(signed).toBe(reportData)
        expect((await replayEventLog(parseEventLog(eventLog)))[3]).toBe(measurements['rtmr3'])
      },
    )

    it('are nothing where the quote is not genuine, or the log was touched', async () => {
      const { eventLog, measurements } = read('dstack/quote-report.json')
      expect((await verifyDstack({ genuine: false, measurements }, eventLog)).genuine).toBe(false)
      const log = JSON.parse(eventLog)
      const touch = async (change: (events: typeof log) => void) => {
        const copy = structuredClone(log)
        change(copy)
        return verifyDstack({ genuine: true, measurements }, JSON.stringify(copy))
      }
      const at = log.findIndex((event: { event: string }) => event.event === 'app-id')
      // Its digest still says what it said: it isn't believed.
      expect(codes(await touch((events) => (events[at].event_payload = '00'.repeat(20))))).toContain('rtmr3')
      expect(codes(await touch((events) => events.push(events[at])))).toContain('rtmr3')
      expect(codes(await touch((events) => (events[0].digest = '00'.repeat(48))))).toEqual(['rtmr0'])
      expect(codes(await touch((events) => events.splice(at, 1)))).toContain('rtmr3')
      expect(codes(await touch((events) => (events[at].event_type = 4)))).toEqual(['bad-event-log'])
      expect(codes(await verifyDstack({ genuine: true, measurements }, '{'))).toEqual(['bad-event-log'])
      // Later events are the app's own: an identity among them means nothing.
      const fields = { imr: 3, event_type: 134_217_729, digest: '', event_payload: '' }
      const events = [
        { ...fields, event: 'app-id', event_payload: 'aa'.repeat(20) },
        { ...fields, event: 'compose-hash', event_payload: 'bb'.repeat(32) },
        { ...fields, event: 'system-ready' },
        { ...fields, event: 'app-id', event_payload: 'cc'.repeat(20) },
      ]
      expect(identityOf(events).appId).toBe('aa'.repeat(20))
      expect(() => identityOf([events[0] as never, ...events])).toThrow('2 times')
      expect(() => identityOf(events.slice(2))).toThrow('does not say which app')
    })

    it('bind report data and compose files', async () => {
      expect(hex(await dstackReportData('app-data', new TextEncoder().encode('x')))).toBe(
        createHash('sha512').update('app-data:x').digest('hex'),
      )
      expect(new TextDecoder().decode(composeBytes({ b: [{ d: 1, c: Number.NaN }], a: undefined }))).toBe(
        '{"b":[{"c":null,"d":1}]}',
      )
    })
  },
)

describe.skipIf(!hasVectors)('SEV-SNP (real vectors; left out where shared/vectors is absent)', () => {
  // dstack's bundle: two bytes of head, a compact length, the report.
  const report = () =>
    new Uint8Array(Buffer.from(json('dstack/sev-snp-attestation.json').attestation, 'hex')).slice(4, 4 + 1184)
  const text = (path: string) => new TextDecoder().decode(readVector(path))
  const certificates = () => text('sev/sev_snp_vcek.pem') + text('sev/sev_snp_ask.pem')
  const instant = Date.parse('2026-08-01T00:00:00Z') / 1000

  it('verifies from the report to AMD’s root', async () => {
    const verdict = await verifySnpReport(report(), { certificates: certificates() }, { instant })
    expect(verdict.problems).toEqual([])
    expect(verdict).toMatchObject({
      genuine: true,
      kind: 'sev-snp',
      root: 'amd',
      simulated: false,
      debug: false,
      tcb: undefined,
    })
    expect(verdict.claims).toMatchObject({
      reportVersion: '3',
      reportedTcb: 'fmc 0, bootLoader 4, tee 0, snp 23, microcode 213',
      signedBy: 'VCEK',
      revocationChecked: 'no',
    })
    expect(verdict.platform).toMatch(/^38d174589d2dff97/)
  })

  it('refuses every changed byte, another order of certificates, and times outside', async () => {
    for (const changed of flips(report(), 300)) {
      const { genuine } = await verifySnpReport(changed, { certificates: certificates() }, { instant })
      // Of the signature's two numbers only 48 bytes each are in use; the rest has to be zero, or is not
      // signed at all.
      const unused = hex(changed.subarray(0, 0x2a0 + 144)) === hex(report().subarray(0, 0x2a0 + 144))
      expect(genuine).toBe(unused)
    }
    const reversed = text('sev/sev_snp_ask.pem') + text('sev/sev_snp_vcek.pem')
    expect((await verifySnpReport(report(), { certificates: reversed }, { instant })).genuine).toBe(false)
    expect(
      codes(await verifySnpReport(report(), { certificates: text('sev/sev_snp_vcek.pem') }, { instant })),
    ).toContain('vcek-chain')
    expect(
      codes(await verifySnpReport(report(), { certificates: certificates() }, { instant: 1_500_000_000 })),
    ).toEqual(['vcek-time'])
    expect(
      codes(await verifySnpReport(report().slice(1), { certificates: certificates() }, { instant })),
    ).toEqual(['bad-report'])
    expect(codes(await verifySnpReport(report(), { certificates: '' }, { instant }))).toEqual(['bad-pem'])
  })

  it('refuses a report in debug mode, for another chip or another TCB, whoever signed it', async () => {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
    const resigned = (change: (bytes: Uint8Array) => void) => {
      const bytes = report()
      change(bytes)
      const signature = sign('sha384', bytes.subarray(0, 0x2a0), { key, dsaEncoding: 'ieee-p1363' })
      bytes.set(Uint8Array.from(signature.subarray(0, 48)).reverse(), 0x2a0)
      bytes.set(Uint8Array.from(signature.subarray(48)).reverse(), 0x2a0 + 72)
      return verifySnpReport(bytes, { certificates: certificates() }, { instant })
    }
    expect(codes(await resigned((bytes) => (bytes[0x0a] = (bytes[0x0a] ?? 0) | 0x08)))).toEqual([
      'report-signature',
      'debug',
    ])
    expect(codes(await resigned((bytes) => (bytes[0x0a] = (bytes[0x0a] ?? 0) | 0x04)))).toEqual([
      'report-signature',
      'migration-agent',
    ])
    expect(codes(await resigned((bytes) => (bytes[0x1a0] = 1)))).toEqual(['report-signature', 'chip-id'])
    expect(codes(await resigned((bytes) => (bytes[0x180] = 5)))).toEqual(['report-signature', 'reported-tcb'])
    expect(codes(await resigned((bytes) => (bytes[0x30] = 1)))).toEqual(['report-signature', 'vmpl'])
  })

  it('asks AMD’s key service for the chip and TCB of the report', async () => {
    const asked: string[] = []
    const fetch = async (url: string) => {
      asked.push(url)
      return new Response(
        url.endsWith('cert_chain') ? text('sev/sev_snp_ask.pem') : Uint8Array.of(0x30, 0x00),
      )
    }
    const endorsements = await fetchSnpEndorsements(report(), 'Milan', {
      fetch: fetch as typeof globalThis.fetch,
    })
    expect(asked.find((url) => url.includes('SPL'))).toMatch(
      /\/vcek\/v1\/Milan\/38d1[0-9a-f]{124}\?blSPL=4&teeSPL=0&snpSPL=23&ucodeSPL=213$/,
    )
    expect(endorsements.revocationList).toBe('3000')
  })
})

describe.skipIf(!hasVectors)('AWS Nitro (real vectors; left out where shared/vectors is absent)', () => {
  // dstack's prefix, the document, then dstack's own JSON behind it.
  const document = () => {
    const bytes = readVector('nitro/attestation.bin')
    return bytes.slice(4, 4 + 4527)
  }
  const madeAt = async () =>
    Date.parse((await verifyNitroDocument(document(), { instant: 0 })).claims['madeAt'] ?? '') / 1000

  it('verifies from the document to Amazon’s root', async () => {
    const verdict = await verifyNitroDocument(document(), { instant: await madeAt() })
    expect(verdict.problems).toEqual([])
    expect(verdict).toMatchObject({
      genuine: true,
      kind: 'nitro',
      root: 'aws',
      simulated: false,
      debug: false,
    })
    expect(verdict.measurements['pcr0']).toMatch(/^[0-9a-f]{96}$/)
  })

  it('refuses every changed byte, cut documents and times outside', async () => {
    const instant = await madeAt()
    for (const changed of flips(document(), 200))
      expect((await verifyNitroDocument(changed, { instant })).genuine).toBe(false)
    for (let length = 0; length < 4527; length += 97)
      expect((await verifyNitroDocument(document().slice(0, length), { instant })).genuine).toBe(false)
    expect(codes(await verifyNitroDocument(document(), { instant: instant + 10 * 86_400 }))).toEqual([
      'nitro-time',
    ])
  })
})

describe('NVIDIA GPUs', () => {
  const nonce = '11'.repeat(32)
  const instant = 1_784_208_000

  it.skipIf(!hasVectors)(
    'refuses the unsigned tokens of a local verifier, and shows their claims all the same',
    async () => {
      const { detached_eat: bundle } = json('nvidia/gpu_attestation_h100.json')
      const verdict = await verifyGpuTokens(bundle, { issuer: 'nvidia', keys: { keys: [] }, nonce, instant })
      expect(verdict).toMatchObject({ genuine: false, root: undefined, reportData: nonce })
      expect(codes(verdict)).toContain('token-signature')
      expect(verdict.claims).toEqual({
        gpus: '1',
        model: 'GH100 A01 GSP BROM',
        driver: '580.159.03',
        firmware: '96.00.D9.00.01',
        gpuMode: 'confidential',
      })
    },
  )

  /** Tokens with the claims of an H100's, signed by a key of our own. */
  const issue = async (
    change: (device: Record<string, unknown>, overall: Record<string, unknown>) => void = () => {},
  ) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const keys: JSONWebKeySet = { keys: [{ ...(await exportJWK(publicKey)), kid: 'test', alg: 'ES384' }] }
    const device = {
      eat_nonce: nonce,
      hwmodel: 'GH100',
      ueid: '1',
      measres: 'success',
      secboot: true,
      dbgstat: 'disabled',
      'x-nvidia-gpu-driver-version': '580',
    }
    const overall: Record<string, unknown> = { eat_nonce: nonce, 'x-nvidia-overall-att-result': true }
    const token = (claims: object) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: 'ES384', kid: 'test' })
        .setIssuedAt(instant - 60)
        .setExpirationTime(instant + 3600)
        .sign(privateKey)
    change(device, overall)
    const deviceToken = await token(device)
    const digest = createHash('sha256').update(deviceToken).digest('hex')
    const bundle = [
      ['JWT', await token({ submods: { 'GPU-0': ['DIGEST', ['SHA256', digest]] }, ...overall })],
      { 'GPU-0': deviceToken },
    ] as const
    return { bundle, keys }
  }

  it('accepts tokens signed by a key of the set, for the nonce asked', async () => {
    const { bundle, keys } = await issue()
    expect(
      await verifyGpuTokens(bundle, { issuer: 'nvidia', keys, nonce: `0x${nonce}`, instant }),
    ).toMatchObject({
      genuine: true,
      root: 'nvidia',
      problems: [],
      claims: { gpuMode: 'confidential' },
    })
    expect(await verifyGpuTokens(bundle, { issuer: 'devnet', keys, nonce, instant })).toMatchObject({
      genuine: true,
      root: 'devnet',
      simulated: true,
    })
    expect(
      codes(await verifyGpuTokens(bundle, { issuer: 'nvidia', keys, nonce: '22'.repeat(32), instant })),
    ).toContain('gpu-nonce')
    expect(
      codes(await verifyGpuTokens(bundle, { issuer: 'nvidia', keys, nonce, instant: instant + 4000 })),
    ).toEqual(['token-time'])
    expect(
      codes(await verifyGpuTokens(bundle, { issuer: 'nvidia', keys: (await issue()).keys, nonce, instant })),
    ).toContain('token-signature')
    expect(
      codes(
        await verifyGpuTokens([bundle[0], { 'GPU-0': (await issue()).bundle[1]['GPU-0'] }], {
          issuer: 'nvidia',
          keys,
          nonce,
          instant,
        }),
      ),
    ).toContain('token-bundle')
    expect(codes(await verifyGpuTokens({}, { issuer: 'nvidia', keys, nonce, instant }))).toEqual([
      'bad-token',
    ])
  })

  it('refuses debug, failed measurements, insecure boot and a bad result', async () => {
    for (const [change, code] of [
      [(device) => (device['dbgstat'] = 'enabled'), 'debug'],
      [(device) => (device['measres'] = 'fail'), 'gpu-measurements'],
      [(device) => (device['secboot'] = false), 'gpu-secure-boot'],
      [(device) => (device['eat_nonce'] = '00'), 'gpu-nonce'],
      [(_, overall) => (overall['x-nvidia-overall-att-result'] = false), 'gpu-result'],
    ] as [Parameters<typeof issue>[0], string][]) {
      const { bundle, keys } = await issue(change)
      expect(codes(await verifyGpuTokens(bundle, { issuer: 'nvidia', keys, nonce, instant }))).toEqual([code])
    }
  })

  it('reads raw SPDM reports: nonce, measurements, signature, and bounds', async () => {
    const gpu = await (await DevelopmentRoot.create()).manufactureGpu('h200')
    const report = gpu.report(nonce)
    const golden = new Map([[1, ['01'.repeat(48)]]])
    const now = Math.floor(Date.now() / 1000)
    const verdict = await verifyGpuReport(report, gpu.certificates, { nonce, golden, instant: now })
    // The chain isn't NVIDIA's; the rest holds.
    expect(codes(verdict)).toEqual(['gpu-chain'])
    expect(verdict).toMatchObject({
      root: undefined,
      reportData: nonce,
      platform: gpu.ueid,
      claims: { driver: '580.00', chipSku: '895' },
    })
    expect(verdict.measurements).toEqual({ measurement1: '01'.repeat(48) })
    const other = await (await DevelopmentRoot.create()).manufactureGpu('h200')
    expect(codes(await verifyGpuReport(report, other.certificates, { nonce, golden, instant: now }))).toEqual(
      ['gpu-chain', 'gpu-signature'],
    )
    const wrong = await verifyGpuReport(report, gpu.certificates, {
      nonce: '22'.repeat(32),
      golden: new Map([[1, ['00']]]),
      instant,
    })
    expect(codes(wrong)).toEqual(expect.arrayContaining(['gpu-nonce', 'gpu-measurements']))
    // Without the root of a development network it is nobody's GPU.
    await expect(identifyGpu(report, gpu.certificates, { nonce, instant: now })).rejects.toMatchObject({
      code: 'bad-report',
      message: expect.stringContaining('NVIDIA'),
    })
    for (let length = 0; length < report.length; length += 11) {
      await expect(
        identifyGpu(report.slice(0, length), gpu.certificates, { nonce, instant: now }),
      ).rejects.toMatchObject({
        code: expect.stringMatching(/truncated|bad-report/),
      })
      expect(
        codes(await verifyGpuReport(report.slice(0, length), '', { nonce, golden, instant }))[0],
      ).toMatch(/truncated|bad-report/)
    }
  })

  it('count as the lesser class where in doubt', () => {
    expect(gpuClassOf('GH100 A01 GSP BROM')).toBe('h100')
    expect(gpuClassOf('GH100 A01 GSP BROM', ['895', '894'])).toBe('h200')
    expect(gpuClassOf('GH100 A01 GSP BROM', ['895', undefined])).toBe('h100')
    expect(gpuClassOf('GH100 A01 GSP BROM', ['895', '885'])).toBe('h100')
    expect(gpuClassOf('GB100 A01 GSP BROM', ['895'])).toBe('b200')
    // A B200 doesn't lend its name to seven others.
    expect(gpuClassOf('GB100 A01 GSP BROM, GH100 A01 GSP BROM')).toBeUndefined()
    expect(gpuClassOf('AD102')).toBeUndefined()
  })
})
