import { createHash, randomBytes } from 'node:crypto'
import {
  claimsOfGuest,
  type GuestEndorsements,
  type GuestKind,
  intelRoot,
  measurementOf,
  parseCertificateTable,
  verifyGuest,
} from '@cloister/attest'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type DevelopmentEnclave,
  DevelopmentRoot,
  type DevelopmentSnpPlatform,
  developmentEnclave,
  developmentSnpGuest,
} from './index.ts'

const reportData = new Uint8Array(randomBytes(64))
const instant = Math.floor(Date.now() / 1000)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('guests on machines of other makers, made of software', () => {
  let root: DevelopmentRoot
  let other: DevelopmentRoot
  let snp: DevelopmentSnpPlatform
  let enclave: DevelopmentEnclave
  let endorsements: GuestEndorsements
  const judge = (
    kind: GuestKind,
    evidence: Uint8Array,
    given: GuestEndorsements = kind === 'nitro' ? {} : endorsements,
    at = instant,
  ) => verifyGuest(kind, evidence, given, { instant: at, root: root.trust })

  beforeAll(async () => {
    ;[root, other] = await Promise.all([DevelopmentRoot.create(), DevelopmentRoot.create()])
    ;[snp, enclave] = await Promise.all([root.manufactureSnp(), root.manufactureEnclave()])
    endorsements = await snp.endorsements()
  })

  it('are genuine under the development root, and simulated', async () => {
    for (const [kind, evidence] of [
      ['sev-snp', snp.report(reportData)],
      ['nitro', enclave.document(reportData)],
    ] as const) {
      const verdict = await judge(kind, evidence)
      expect(verdict.problems).toEqual([])
      expect(verdict).toMatchObject({
        genuine: true,
        kind,
        root: 'devnet',
        simulated: true,
        debug: false,
        reportData: hex(reportData),
      })
      const claims = await claimsOfGuest(kind, evidence)
      expect(claims.measurement).toBe(measurementOf(verdict.measurements))
      expect(claims.platform).toMatch(/^0x[0-9a-f]{64}$/)
    }
    expect((await judge('sev-snp', snp.report(reportData))).platform).toBe(hex(snp.chipId))
  })

  it('are nothing under the roots of real ones, or of somebody else’s network', async () => {
    for (const trust of [intelRoot, other.trust]) {
      expect(
        await verifyGuest('sev-snp', snp.report(reportData), endorsements, { instant, root: trust }),
      ).toMatchObject({ genuine: false, simulated: false })
      expect(
        await verifyGuest('nitro', enclave.document(reportData), {}, { instant, root: trust }),
      ).toMatchObject({ genuine: false, simulated: false })
    }
  })

  it('have measurements of their own, by what they were launched with', async () => {
    const one = measurementOf({ measurement: hex(developmentSnpGuest()) })
    expect(one).toBe((await claimsOfGuest('sev-snp', snp.report(reportData))).measurement)
    expect(measurementOf({ measurement: hex(developmentSnpGuest('another')) })).not.toBe(one)
    const [a, b, c] = developmentEnclave().map(hex) as [string, string, string]
    expect(measurementOf({ pcr0: a, pcr1: b, pcr2: c })).toBe(
      (await claimsOfGuest('nitro', enclave.document(reportData))).measurement,
    )
    expect(measurementOf({ pcr0: a, pcr1: b })).toBeUndefined()
  })

  it('are refused in debug mode, with another’s certificates, without a revocation list, and when time has moved', async () => {
    const codes = async (...given: Parameters<typeof judge>) =>
      (await judge(...given)).problems.map(({ code }) => code)
    expect(await codes('sev-snp', snp.report(reportData, { debug: true }))).toContain('debug')
    expect(await codes('nitro', enclave.document(reportData, { debug: true }))).toContain('debug')
    const stranger = await root.manufactureSnp()
    expect(await codes('sev-snp', snp.report(reportData), await stranger.endorsements())).toEqual(
      expect.arrayContaining(['report-signature', 'chip-id']),
    )
    const { certificates } = await snp.endorsements()
    expect(await codes('sev-snp', snp.report(reportData), { certificates })).toContain('amd-crl')
    expect(await codes('sev-snp', snp.report(reportData), {})).not.toEqual([])
    expect(await codes('sev-snp', snp.report(reportData), endorsements, instant + 31 * 86_400)).toContain(
      'amd-crl',
    )
    expect(await codes('tdx', snp.report(reportData), endorsements)).toContain('bad-endorsements')
    expect(await codes('nitro', snp.report(reportData), {})).not.toEqual([])
  })

  it('are refused with any bit turned or any end cut off', async () => {
    const report = snp.report(reportData)
    const document = enclave.document(reportData)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(['sev-snp', report] as const, ['nitro', document] as const),
        fc.nat(),
        fc.nat(7),
        async ([kind, evidence], at, bit) => {
          const changed = Uint8Array.from(evidence)
          const position = at % evidence.length
          changed[position] = (changed[position] ?? 0) ^ (1 << bit)
          const verdict = await judge(kind, changed)
          // What a report says after its signature, and how COSE marks its first array, is signed by nobody.
          const isUnsigned = kind === 'sev-snp' && position >= 0x2a0 + 144
          if (!isUnsigned)
            expect(verdict.genuine && verdict.reportData === hex(reportData), `${kind} at ${position}`).toBe(
              false,
            )
          expect((await judge(kind, evidence.subarray(0, position))).genuine).toBe(false)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('a host’s table of certificates', () => {
  const guid = (text: string, swapped: boolean) => {
    const [a = '', b = '', c = '', ...rest] = text.split('-')
    const turn = (field: string) => (swapped ? (field.match(/../g) ?? []).reverse().join('') : field)
    return Buffer.from([turn(a), turn(b), turn(c), ...rest].join(''), 'hex')
  }
  const VCEK = '63da758d-e664-4564-adc5-f4b93be8accd'
  const entry = (id: Buffer, offset: number, length: number) => {
    const bytes = Buffer.alloc(24)
    id.copy(bytes)
    bytes.writeUInt32LE(offset, 16)
    bytes.writeUInt32LE(length, 20)
    return bytes
  }

  it('is read in either byte order of its GUIDs, passing over what is unknown', () => {
    for (const swapped of [false, true]) {
      const table = Buffer.concat([
        entry(createHash('md5').update('x').digest(), 72, 1),
        entry(guid(VCEK, swapped), 73, 3),
        Buffer.alloc(24),
        Buffer.from('?vck'),
      ])
      expect(parseCertificateTable(table)).toEqual({ vcek: new Uint8Array(Buffer.from('vck')) })
    }
  })

  it('is refused where it has no end or points outside of itself, and never throws anything else', () => {
    expect(() => parseCertificateTable(entry(guid(VCEK, false), 0, 8))).toThrow(/has no end/)
    expect(() =>
      parseCertificateTable(Buffer.concat([entry(guid(VCEK, false), 40, 9), Buffer.alloc(24)])),
    ).toThrow(/outside/)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          parseCertificateTable(bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-certificate-table' })
        }
      }),
    )
  })
})
