import { EMISSION_TOTAL, GPU_CLASSES } from '@cloister/economy'
import { stringToHex, zeroAddress } from 'viem'
import { GOVERNANCE } from './governance.ts'
import { contract, factsOf, given, type Plan } from './plan.ts'

const CLOI = 10n ** 18n
/** The governance executor, which is the treasury as well: what it has, ballots spend (see governance.ts). */
const governance = contract('safe')
const treasury = governance
/** Where fees and emission go: to the treasury, but for the community pool's share. */
const splitter = contract('splitter')
/** Who owns a contract: governance, and nobody that waits to. */
const OWNED = { owner: governance, pendingOwner: zeroAddress }

const CLASSES = Object.entries(GPU_CLASSES).map(([name, { collateral, weight }]) => ({
  gpuClass: stringToHex(name, { size: 32 }),
  collateral: collateral * CLOI,
  weight: BigInt(weight),
}))
/** Base units of CLOI that a GPU of each class needs in its provider's pool, as Stake begins with them. */
export const COLLATERAL = CLASSES.map(({ gpuClass, collateral }) => ({ gpuClass, amount: collateral }))
/** What a GPU of each class weighs, as Emission begins with it. */
export const WEIGHTS = CLASSES.map(({ gpuClass, weight }) => ({ gpuClass, weight }))

/** Of a fee's 10,000 parts: what is kept of a lease that is paid in CLOI, and in a stable token. */
const FEE_BPS = { cloi: 400n, stable: 2_000n }
/** The same of what is claimed by vouchers. The endpoint's lease has paid its own fee already. */
const VOUCHER_FEE_BPS = { cloi: 100n, stable: 500n }
/** What Emission may create, ever; see Schedule.sol. */
export const EMISSION_ALLOTMENT: bigint = EMISSION_TOTAL

/**
 * What every network has. Who slashes, who creates CLOI, who is told of coverage, what may serve and what
 * leases can be paid in is said once, by the constructors, and all that has an owner is the Safe's from its
 * first block on.
 *
 * Given: `stable` (the token that leases are paid in beside CLOI), `rootX`, `rootY` (the attestation root's
 * public key), `floors`, `measurements` (which guests may serve), `keyServiceManifest` (what instances of the
 * key service run), `minters`, `allotments` (who may create CLOI, and how much), `emissionStart`.
 */
export const CLOISTER: Plan = {
  contracts: [
    ...GOVERNANCE.contracts,
    { name: 'admission', contract: 'Admission', args: [governance, given('floors'), given('measurements')] },
    {
      name: 'platforms',
      contract: 'Platforms',
      args: [given('rootX'), given('rootY'), contract('admission')],
    },
    { name: 'workers', contract: 'Workers', args: [governance, contract('platforms'), contract('emission')] },
    {
      name: 'market',
      contract: 'Market',
      args: [
        contract('workers'),
        splitter,
        governance,
        [
          { token: contract('cloi'), feeBps: FEE_BPS.cloi },
          { token: given('stable'), feeBps: FEE_BPS.stable },
        ],
      ],
    },
    {
      name: 'vouchers',
      contract: 'Vouchers',
      args: [
        contract('market'),
        splitter,
        governance,
        [
          { token: contract('cloi'), feeBps: VOUCHER_FEE_BPS.cloi },
          { token: given('stable'), feeBps: VOUCHER_FEE_BPS.stable },
        ],
      ],
    },
    { name: 'receipts', contract: 'Receipts', args: [contract('market')] },
    { name: 'receivers', contract: 'Receivers', args: [contract('vouchers')] },
    { name: 'cloi', contract: 'Token', args: [governance, given('minters'), given('allotments')] },
    { name: 'apps', contract: 'Apps', args: [] },
    {
      name: 'keyService',
      contract: 'KeyService',
      args: [governance, contract('workers'), contract('market'), given('keyServiceManifest')],
    },
    {
      name: 'stake',
      contract: 'Stake',
      args: [
        governance,
        {
          token: contract('cloi'),
          workers: contract('workers'),
          rewarder: contract('emission'),
          power: contract('power'),
          slasher: contract('slashing'),
          treasury,
          start: given('emissionStart'),
        },
        COLLATERAL,
      ],
    },
    {
      name: 'emission',
      contract: 'Emission',
      args: [governance, contract('cloi'), contract('workers'), contract('stake'), splitter, WEIGHTS],
    },
    {
      name: 'slashing',
      contract: 'Slashing',
      args: [governance, contract('workers'), contract('market'), contract('vouchers'), contract('stake')],
    },
    { name: 'revocationFund', contract: 'RevocationFund', args: [contract('platforms')] },
    { name: 'power', contract: 'Power', args: [contract('stake')] },
  ],
  ...(GOVERNANCE.safe && { safe: GOVERNANCE.safe }),
  steps: [],
  facts: [
    ...GOVERNANCE.facts,
    ...factsOf('admission', OWNED),
    ...factsOf('platforms', { admission: contract('admission') }),
    ...factsOf('workers', {
      ...OWNED,
      admission: contract('admission'),
      platforms: contract('platforms'),
      observer: contract('emission'),
    }),
    ...factsOf('market', { ...OWNED, workers: contract('workers'), treasury: splitter }),
    ...factsOf('vouchers', { ...OWNED, market: contract('market'), treasury: splitter }),
    ...factsOf('receipts', { market: contract('market') }),
    ...factsOf('receivers', { vouchers: contract('vouchers') }),
    ...factsOf('cloi', OWNED),
    ...factsOf('keyService', { ...OWNED, workers: contract('workers'), market: contract('market') }),
    ...factsOf('stake', {
      ...OWNED,
      token: contract('cloi'),
      workers: contract('workers'),
      rewarder: contract('emission'),
      power: contract('power'),
      slasher: contract('slashing'),
      treasury,
    }),
    ...factsOf('emission', {
      ...OWNED,
      token: contract('cloi'),
      workers: contract('workers'),
      stake: contract('stake'),
      treasury: splitter,
    }),
    ...factsOf('slashing', {
      ...OWNED,
      workers: contract('workers'),
      market: contract('market'),
      vouchers: contract('vouchers'),
      stake: contract('stake'),
    }),
    ...factsOf('power', { stake: contract('stake') }),
    ...factsOf('revocationFund', { platforms: contract('platforms') }),
    { of: 'cloi', view: 'allotted', args: [contract('emission')], is: EMISSION_ALLOTMENT },
  ],
  values: {},
}
