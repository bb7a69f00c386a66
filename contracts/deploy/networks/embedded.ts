import { CLOISTER, EMISSION_ALLOTMENT } from '../cloister.ts'
import { account, contract, given, type Plan } from '../plan.ts'

const CLOI = 10n ** 18n
/** Base units of CLOI that the deployer lends and gives away, and that each provider has to stake with. */
const SUPPLY = 10_000_000n * CLOI
const PROVIDER_SUPPLY = 100_000n * CLOI
const PROVIDERS = [account('provider0'), account('provider1'), account('provider2')]
const OWN_SUPPLY = SUPPLY + PROVIDER_SUPPLY * BigInt(PROVIDERS.length)
const CAP = 1_000_000_000n * CLOI
/** Wei that whoever posts revocation lists is paid back from. */
const FUND = 10n ** 18n

const deployer = account('deployer')
const mint = (to: typeof deployer, amount: bigint) =>
  ({ to: 'cloi', function: 'mint', args: [to, amount] }) as const

/**
 * A development network: a stable token that anybody may create, CLOI for the development accounts, and the
 * lists without which no platform serves. Whoever deploys it has all CLOI that there is at first.
 *
 * Accounts beside those of `CLOISTER`: `provider0` to `provider2`. Given beside: `authority` (the platform
 * authority's certificate), `rootList`, `platformList` (revocation lists).
 */
export const EMBEDDED: Plan = {
  ...CLOISTER,
  contracts: [...CLOISTER.contracts, { name: 'usdc', contract: 'TestUSDC', args: [] }],
  steps: [
    { to: 'platforms', function: 'postRevocations', args: [given('rootList'), '0x', 0n] },
    {
      to: 'platforms',
      function: 'postRevocations',
      args: [given('platformList'), given('authority'), 0n],
    },
    { to: 'revocationFund', wei: FUND },
    mint(deployer, SUPPLY),
    ...PROVIDERS.map((provider) => mint(provider, PROVIDER_SUPPLY)),
  ],
  facts: [
    ...CLOISTER.facts,
    { of: 'cloi', view: 'allotted', args: [deployer], is: 0n },
    { of: 'cloi', view: 'unallotted', args: [], is: CAP - EMISSION_ALLOTMENT - OWN_SUPPLY },
    { of: 'cloi', view: 'totalSupply', args: [], is: OWN_SUPPLY },
  ],
  values: {
    stable: contract('usdc'),
    minters: [contract('emission'), deployer],
    allotments: [EMISSION_ALLOTMENT, OWN_SUPPLY],
  },
}
