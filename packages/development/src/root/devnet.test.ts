import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { intelRoot, trustRoot, verifyQuote } from '@cloister/attest'
import { describe, expect, it } from 'vitest'
import { DevelopmentPlatform, DevelopmentRoot, developmentGuest, NEWEST_SVNS } from './index.ts'

const reportData = Uint8Array.from({ length: 64 }, (_, index) => index)
const instant = Math.floor(Date.now() / 1000)

describe('a development platform', async () => {
  const root = await DevelopmentRoot.create()
  const platform = await root.manufacture()
  const endorsements = await root.endorsements()

  it('makes quotes that are genuine under its root, and simulated', async () => {
    const verdict = await verifyQuote(platform.quote(reportData), endorsements, { instant, root: root.trust })
    expect(verdict.problems).toEqual([])
    expect(verdict).toMatchObject({
      genuine: true,
      kind: 'tdx',
      root: 'devnet',
      simulated: true,
      tcb: { status: 'UpToDate', advisories: [] },
      debug: false,
    })
    expect(verdict.reportData).toBe(Buffer.from(reportData).toString('hex'))
    expect(verdict.platform).toBe(Buffer.from(platform.ppid).toString('hex'))
    expect(verdict.measurements['mrtd']).toBe(Buffer.from(developmentGuest().mrtd).toString('hex'))
  })

  it('is nothing under Intel’s root, and no root can be called Intel’s', async () => {
    const verdict = await verifyQuote(platform.quote(reportData), endorsements, { instant })
    expect(verdict).toMatchObject({ genuine: false, root: undefined, simulated: false })
    expect(verdict.problems.map(({ code }) => code)).toContain('pck-chain')
    expect(root.trust.name).toBe('devnet')
    expect(trustRoot(intelRoot.certificate.der).name).toBe('intel')
    const forged = { ...root.trust, name: 'intel' as const }
    // Somebody who lies to the verifier about a root lies to himself; evidence can't.
    expect(
      (
        await verifyQuote(platform.quote(reportData), endorsements, {
          instant,
          root: trustRoot(forged.certificate.der),
        })
      ).root,
    ).toBe('devnet')
  })

  it('is refused in debug, out of date where its SVNs are, below every level where they are older still', async () => {
    const verify = (quote: Uint8Array) => verifyQuote(quote, endorsements, { instant, root: root.trust })
    const debug = await verify(platform.quote(reportData, { debug: true }))
    expect(debug).toMatchObject({ genuine: false, debug: true })
    expect(debug.problems[0]).toEqual({
      code: 'debug',
      message: 'Debug is on: the host can look into the guest.',
    })
    const old = await root.manufacture({ svns: NEWEST_SVNS.map((svn) => Math.max(svn - 1, 0)) })
    expect(await verify(old.quote(reportData))).toMatchObject({
      genuine: true,
      tcb: { status: 'OutOfDate', advisories: ['DEVELOPMENT-SA-00001'] },
    })
    const older = await root.manufacture({ svns: NEWEST_SVNS.map(() => 0) })
    expect((await verify(older.quote(reportData))).problems.map(({ code }) => code)).toEqual([
      'tcb-below-every-level',
    ])
  })

  it('is refused once its certificate is revoked', async () => {
    const { X509Certificate } = await import('node:crypto')
    const revoked = await root.endorsements(instant, [new X509Certificate(platform.chain[0]).serialNumber])
    const verdict = await verifyQuote(platform.quote(reportData), revoked, { instant, root: root.trust })
    expect(verdict.problems.map(({ code }) => code)).toEqual(['revoked'])
  })

  it('is kept in a folder, as its root is', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cloister-attest-'))
    try {
      const kept = await DevelopmentRoot.open(folder)
      const made = await DevelopmentPlatform.open(folder, () => kept.manufacture())
      const again = await DevelopmentRoot.open(folder)
      const same = await DevelopmentPlatform.open(folder, () => again.manufacture())
      expect(same.ppid).toEqual(made.ppid)
      expect(
        (await verifyQuote(same.quote(reportData), await again.endorsements(), { instant, root: kept.trust }))
          .genuine,
      ).toBe(true)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
