import {
  ADMISSION_ABI,
  EMISSION_ABI,
  GRANTS_ABI,
  KEY_SERVICE_ABI,
  MARKET_ABI,
  SLASHING_ABI,
  SPLITTER_ABI,
  STAKE_ABI,
  VOUCHERS_ABI,
  WORKERS_ABI,
} from '@cloister/chain'
import { type Abi, type AbiFunction, parseEther, toFunctionSelector, zeroAddress } from 'viem'
import { contract, factsOf, given, type Plan, type Value } from './plan.ts'
import { factsOfSafe, SAFE_PARTS } from './safe.ts'

const HOUR = 3_600
const DAY = 24 * HOUR
const CLOI = 10n ** 18n
/** The treasury's stable token has six decimals. */
const DOLLARS = 10n ** 6n

/** Who holds less can't propose. */
const MIN_POWER = 100n * CLOI

/** Contracts that have an owner, which is the Safe. */
const OWNED_CONTRACTS = [
  'admission',
  'workers',
  'market',
  'vouchers',
  'cloi',
  'keyService',
  'stake',
  'emission',
  'slashing',
  'splitter',
] as const

/** Ballots' tracks by their numbers, see Tracks.sol. */
const TRACK = {
  parameters: 0,
  smallSpending: 1,
  mediumSpending: 2,
  largeSpending: 3,
  contractsAndRoles: 4,
  guestsAndFloors: 5,
  emergency: 6,
  election: 7,
} as const

/**
 * The rules of each track, in the order of their numbers. The more a track's ballots can do, the longer the
 * voting and the timelock, and the more has to be for it. What ballots can do to stake and to whoever holds
 * a role waits for longer than stake takes to leave.
 */
const TRACKS: readonly Value[] = [
  rules({ bond: 1_000n, votingDays: 7, confirm: DAY, timelock: 2 * DAY, approval: 5_000, support: 1_000 }),
  rules({ bond: 500n, votingDays: 5, confirm: DAY, timelock: 2 * DAY, approval: 5_000, support: 300 }),
  rules({ bond: 2_000n, votingDays: 7, confirm: DAY, timelock: 4 * DAY, approval: 5_500, support: 700 }),
  rules({
    bond: 10_000n,
    votingDays: 14,
    confirm: 2 * DAY,
    timelock: 7 * DAY,
    approval: 6_000,
    support: 1_500,
  }),
  rules({
    bond: 10_000n,
    votingDays: 14,
    confirm: 2 * DAY,
    timelock: 22 * DAY,
    approval: 6_667,
    support: 2_000,
  }),
  rules({ bond: 1_000n, votingDays: 7, confirm: DAY, timelock: 2 * DAY, approval: 5_500, support: 1_000 }),
  rules({
    bond: 1_000n,
    votingDays: 2,
    confirm: 3 * HOUR,
    timelock: 6 * HOUR,
    approval: 6_000,
    support: 500,
  }),
  rules({ bond: 1_000n, votingDays: 7, confirm: DAY, timelock: 3 * HOUR, approval: 5_000, support: 1_500 }),
]

interface Rules {
  /** CLOI. */
  bond: bigint
  votingDays: number
  /** Seconds. */
  confirm: number
  /** Seconds. */
  timelock: number
  /** Basis points at the end of the voting: for of for and against. */
  approval: number
  /** Basis points at the end of the voting: for and abstaining, of the electorate. */
  support: number
}

/** A track's rules; both curves begin high, and what was vetoed needs more. */
function rules({ bond, votingDays, confirm, timelock, approval, support }: Rules): Value {
  return {
    bond: bond * CLOI,
    minPower: MIN_POWER,
    votingPeriod: votingDays * DAY,
    confirmPeriod: confirm,
    timelock,
    approvalStart: 9_000,
    approvalEnd: approval,
    supportStart: 5_000,
    supportEnd: support,
    approvalAgain: approval + 1_500,
    supportAgain: support * 2,
  }
}

/** What ballots of a track may call, by contract. Contracts and roles may call anything. */
const ALLOWED: readonly Value[] = [
  ...calls(TRACK.parameters, 'market', MARKET_ABI, 'setToken', 'setNoticePeriod'),
  ...calls(TRACK.parameters, 'vouchers', VOUCHERS_ABI, 'setToken'),
  ...calls(TRACK.parameters, 'workers', WORKERS_ABI, 'setCoveragePeriod', 'setVerdictThreshold'),
  ...calls(TRACK.parameters, 'stake', STAKE_ABI, 'setCollateralPerGpu'),
  ...calls(TRACK.parameters, 'emission', EMISSION_ABI, 'setClassWeight'),
  ...calls(TRACK.parameters, 'slashing', SLASHING_ABI, 'setPenalty'),
  ...calls(TRACK.parameters, 'splitter', SPLITTER_ABI, 'setShare'),
  ...calls(TRACK.guestsAndFloors, 'admission', ADMISSION_ABI, 'setFloor', 'setMeasurement'),
  ...calls(TRACK.guestsAndFloors, 'keyService', KEY_SERVICE_ABI, 'setManifest', 'vacate'),
  // What ends by itself, takes back what did, or keeps from coming what was announced.
  ...calls(TRACK.emergency, 'admission', ADMISSION_ABI, 'suspendMeasurement', 'raiseFloor', 'lowerFloor'),
  ...calls(TRACK.emergency, 'slashing', SLASHING_ABI, 'propose', 'cancel'),
  // On the track of the largest spending alone: a small ballot could pay out or end a grant of any size, and
  // empty the pool. What a grant takes is counted by Tracks, like what the treasury pays.
  ...calls(TRACK.largeSpending, 'grants', GRANTS_ABI, 'confirm', 'cancel', 'reclaim'),
  ...OWNED_CONTRACTS.flatMap((of) => calls(TRACK.emergency, of, MARKET_ABI, 'callOff')),
]

/**
 * What one ballot of a track may move: CLOI, dollars, ether. All ballots of the track together may move
 * twice that in any week: a ballot that passed can wait for two.
 */
const LIMITS: readonly Value[] = [
  ...limits(TRACK.smallSpending, { cloi: 50_000n, dollars: 10_000n, ether: '1' }),
  ...limits(TRACK.mediumSpending, { cloi: 500_000n, dollars: 100_000n, ether: '10' }),
  ...limits(TRACK.largeSpending, { cloi: 10_000_000n, dollars: 2_000_000n, ether: '200' }),
]

/** The community pool's part of fees and emission at first, in basis points; ballots change it. */
const POOL_SHARE_BPS = 0n

/** The name that votes are signed for, as wallets show it. */
const SPACE = 'cloister.eth'

/**
 * The Safe. Its modules are what counts votes, which is its owner too and can't sign, and the council, which
 * spends no more than a ballot allowed it: nothing at first.
 */
const SAFE = { owner: contract('ballots'), modules: [contract('ballots'), contract('council')] }

/** Seats, and basis points of all seats that it takes to veto, call spam, hasten and spend; 0: it can't. */
const COUNCIL = { seats: 7n, needed: [6_667, 6_667, 0, 5_001] }
const COMMITTEE = { seats: 5n, needed: [6_667, 0, 7_500, 0] }

/**
 * What owns a network: a Safe that does what ballots say, and nothing else. Nobody has a key of it. Until an
 * election seats somebody there is nobody in council and committee, and nothing waits for them.
 *
 * Given: `stable`, the token that leases are paid in beside CLOI.
 */
export const GOVERNANCE: Pick<Plan, 'contracts' | 'safe' | 'facts'> = {
  contracts: [
    ...SAFE_PARTS,
    {
      name: 'tracks',
      contract: 'Tracks',
      args: [contract('safe'), contract('ballots'), contract('grants'), TRACKS, ALLOWED, LIMITS],
    },
    {
      name: 'ballots',
      contract: 'Ballots',
      args: [
        {
          token: contract('cloi'),
          power: contract('power'),
          tracks: contract('tracks'),
          safe: contract('safe'),
          council: contract('council'),
          committee: contract('committee'),
          space: SPACE,
        },
      ],
    },
    { name: 'grants', contract: 'Grants', args: [contract('safe')] },
    {
      name: 'splitter',
      contract: 'Splitter',
      args: [contract('safe'), contract('safe'), contract('grants'), POOL_SHARE_BPS],
    },
    {
      name: 'council',
      contract: 'Council',
      args: [contract('ballots'), contract('safe'), COUNCIL.seats, COUNCIL.needed],
    },
    {
      name: 'committee',
      contract: 'Council',
      args: [contract('ballots'), contract('safe'), COMMITTEE.seats, COMMITTEE.needed],
    },
  ],
  safe: SAFE,
  facts: [
    ...factsOfSafe(SAFE),
    ...factsOf('tracks', {
      safe: contract('safe'),
      ballots: contract('ballots'),
      pool: contract('grants'),
    }),
    ...factsOf('ballots', {
      token: contract('cloi'),
      power: contract('power'),
      tracks: contract('tracks'),
      safe: contract('safe'),
      council: contract('council'),
      committee: contract('committee'),
      space: SPACE,
    }),
    ...factsOf('grants', { owner: contract('safe') }),
    ...factsOf('splitter', {
      owner: contract('safe'),
      pendingOwner: zeroAddress,
      treasury: contract('safe'),
      pool: contract('grants'),
      shareBps: POOL_SHARE_BPS,
    }),
    ...factsOf('council', {
      ballots: contract('ballots'),
      safe: contract('safe'),
      seats: COUNCIL.seats,
      termEnd: 0n,
    }),
    ...factsOf('committee', {
      ballots: contract('ballots'),
      safe: contract('safe'),
      seats: COMMITTEE.seats,
      termEnd: 0n,
    }),
  ],
}

function calls(track: number, of: string, abi: Abi, ...functions: string[]): Value[] {
  return functions.map((name) => {
    const found = abi.find((item): item is AbiFunction => item.type === 'function' && item.name === name)
    if (!found) throw new Error(`${of} has no ${name}.`)
    return { track, target: contract(of), selector: toFunctionSelector(found) }
  })
}

function limits(
  track: number,
  { cloi, dollars, ether }: { cloi: bigint; dollars: bigint; ether: string },
): Value[] {
  const limit = (cap: bigint) => ({ cap, budget: 2n * cap, window: 7 * DAY })
  return [
    { track, token: contract('cloi'), limit: limit(cloi * CLOI) },
    { track, token: given('stable'), limit: limit(dollars * DOLLARS) },
    { track, token: zeroAddress, limit: limit(parseEther(ether)) },
  ]
}
