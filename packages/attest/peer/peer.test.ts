import { describe, expect, it } from 'vitest'
import { type PreparedEndorsements, prepareEndorsements, verifyQuote } from '../src/index.ts'
import { mutantsOf } from './mutations.ts'
import { askPeer } from './peer.ts'
import { hasVectors, quoteVectors } from './vectors.ts'

/** A few thousand others in every run; CLOISTER_MUTANTS=20000 for as many as docs/attestation.md tells of. */
const MUTANTS = Number(process.env['CLOISTER_MUTANTS'] ?? 4_000)

describe.skipIf(!hasVectors)(
  'beside @phala/dcap-qvl, on real quotes (left out where shared/vectors is absent)',
  () => {
    it('comes to the same verdict on every vector, at every instant', async () => {
      for (const { name, quote, endorsements, instant } of quoteVectors())
        for (const at of [instant, 1_750_000_000, 1_795_000_000]) {
          const ours = await verifyQuote(quote, endorsements, { instant: at })
          const theirs = askPeer(quote, endorsements, at)
          expect(ours.genuine, `${name} at ${at}`).toBe(theirs.accepted)
          if (theirs.accepted)
            expect(ours.tcb).toEqual({ status: theirs.status, advisories: theirs.advisories })
        }
    })

    it(`accepts nothing that the peer refuses, in ${MUTANTS} mutants`, { timeout: 600_000 }, async () => {
      const vectors = quoteVectors()
      const prepared = new Map<object, PreparedEndorsements>()
      for (const { endorsements } of vectors)
        prepared.set(endorsements, await prepareEndorsements(endorsements))
      const seed = Date.now() & 0xffffff
      let accepted = 0
      for (const { kind, name, quote, endorsements, instant } of mutantsOf(vectors, MUTANTS, seed)) {
        const ours = await verifyQuote(quote, prepared.get(endorsements) ?? endorsements, { instant })
        if (!ours.genuine) continue
        accepted++
        const theirs = askPeer(quote, endorsements, instant)
        expect(theirs.accepted, `seed ${seed}: ${kind} of ${name}: ${JSON.stringify(theirs)}`).toBe(true)
      }
      // Times moved within the validity, fields exchanged for the same ones: some mutants are as good as the
      // original.
      expect(accepted).toBeGreaterThan(0)
    })
  },
)
