import { contract, type Fact, factsOf, type Plan, type Value } from './plan.ts'

/** An old chain whose token a network's continues: what a snapshot of its state comes to. */
export interface OldChain {
  /** Root of the leaves, see IClaims.sol. */
  root: `0x${string}`
  /** The leaves' sum, in base units of the new token. */
  total: bigint
  /** Claims are taken until then, Unix seconds. */
  until: bigint
}

/**
 * A network's plan with what pays the accounts of an old chain. The leaves' sum is allotted to `Claims` when
 * the token is made, and created by whoever deploys, for `Claims` alone.
 */
export function withClaims(plan: Plan, { root, total, until }: OldChain): Plan {
  const { minters = [], allotments = [] } = plan.values
  const token = { of: 'cloi', args: [contract('claims')] }
  return {
    ...plan,
    contracts: [
      ...plan.contracts,
      { name: 'signatures', contract: 'Signatures', args: [] },
      {
        name: 'claims',
        contract: 'Claims',
        args: [contract('cloi'), root, contract('safe'), until, contract('signatures')],
      },
    ],
    steps: [{ to: 'claims', function: 'fund', args: [] }, ...plan.steps],
    facts: [
      ...plan.facts.map((fact) => withTotal(fact, total)),
      ...factsOf('claims', {
        token: contract('cloi'),
        root,
        treasury: contract('safe'),
        windowEnd: until,
        verifier: contract('signatures'),
        vesting: 0n,
      }),
      { ...token, view: 'allotted', is: 0n },
      { ...token, view: 'balanceOf', is: total },
    ],
    values: {
      ...plan.values,
      minters: [...(minters as readonly Value[]), contract('claims')],
      allotments: [...(allotments as readonly Value[]), total],
    },
  }
}

/** What the token says of all that there is, with the leaves' sum. */
function withTotal(fact: Fact, total: bigint): Fact {
  if (fact.of !== 'cloi' || typeof fact.is !== 'bigint') return fact
  if (fact.view === 'unallotted') return { ...fact, is: fact.is - total }
  return fact.view === 'totalSupply' ? { ...fact, is: fact.is + total } : fact
}
