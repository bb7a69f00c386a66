import { describe, expect, it } from 'vitest'
import { intelRoot, readEvidenceDocuments, verifyEvidenceDocument } from '../src/index.ts'
import { hasVectors, quoteVectors, readVector } from './vectors.ts'

describe.skipIf(!hasVectors)(
  'files that people have (real vectors; left out where shared/vectors is absent)',
  () => {
    const instant = 1_751_000_000

    it.each([
      ['sgx/sgx_quote', 'SGX quote', 'sgx'],
      ['tdx/tdx_quote', 'TDX quote', 'tdx'],
      ['dstack/quote-report.json', 'dstack getQuote answer', 'tdx'],
      ['dstack/tdx-lite-getquote.json', 'dstack getQuote answer', 'tdx'],
      ['dstack/tdx-lite-attestation.json', 'dstack’s bundled attestation', 'tdx'],
      ['dstack/sev-snp-attestation.json', 'dstack’s bundled attestation', 'sev-snp'],
      ['nitro/attestation.bin', 'dstack’s bundled attestation', 'nitro'],
    ])('are told by what is in them: %s', async (path, form, kind) => {
      const [found, ...others] = await readEvidenceDocuments(readVector(path))
      expect(others).toEqual([])
      expect(found).toMatchObject({ form, kind })
    })

    it('are genuine where their endorsements come along, and name what is missing where not', async () => {
      for (const { quote, endorsements, instant: at, name } of quoteVectors()) {
        const [document] = await readEvidenceDocuments(quote)
        if (!document) throw new Error('nothing found')
        const verdict = await verifyEvidenceDocument(document, { instant: at, root: intelRoot, endorsements })
        expect([name, verdict.genuine]).toEqual([name, !name.includes('outdated')])
        expect(verdict.simulated).toBe(false)
      }
      const [snp] = await readEvidenceDocuments(readVector('dstack/sev-snp-attestation.json'))
      if (!snp) throw new Error('nothing found')
      const verdict = await verifyEvidenceDocument(snp, { instant: 1_784_208_000, root: intelRoot })
      expect(verdict).toMatchObject({ genuine: true, verdict: { root: 'amd' } })
      expect(verdict.missing.map(({ what }) => what).join()).toContain('taken the chip’s key back')
    })

    it('explain their registers, bundled or not', async () => {
      for (const path of [
        'dstack/tdx-lite-getquote.json',
        'dstack/tdx-lite-attestation.json',
        'dstack/quote-report.json',
      ]) {
        const [document] = await readEvidenceDocuments(readVector(path))
        if (!document) throw new Error('nothing found')
        const verdict = await verifyEvidenceDocument(document, { instant, root: intelRoot })
        // Intel's endorsements for these machines aren't among the vectors.
        expect(verdict.genuine).toBe(false)
        expect(verdict.dstack?.appId).toMatch(/^[0-9a-f]{40}$/)
        const checks = verdict.groups.flatMap((group) => group.checks)
        expect(checks.filter(({ code }) => /^rtmr|binding/.test(code)).every(({ ok }) => ok)).toBe(true)
      }
    })
  },
)
