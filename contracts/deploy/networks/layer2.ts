import { CLOISTER, EMISSION_ALLOTMENT } from '../cloister.ts'
import { contract, type Plan } from '../plan.ts'

/** Public key of the Intel SGX Root CA, as in Platforms.sol. */
const INTEL = {
  rootX: 0x0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5n,
  rootY: 0x67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394n,
}
const CAP = 1_000_000_000n * 10n ** 18n

/**
 * The network on its layer 2. Any account deploys it and has nothing afterwards. Emission alone creates CLOI:
 * what isn't allotted waits for an announcement.
 */
export const LAYER2: Plan = {
  ...CLOISTER,
  facts: [
    ...CLOISTER.facts,
    { of: 'cloi', view: 'unallotted', args: [], is: CAP - EMISSION_ALLOTMENT },
    { of: 'cloi', view: 'totalSupply', args: [], is: 0n },
  ],
  values: {
    ...INTEL,
    minters: [contract('emission')],
    allotments: [EMISSION_ALLOTMENT],
  },
}
