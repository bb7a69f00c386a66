import type { Address } from 'viem'
import type { ChainEvent, EventOf } from '../../engine/contract.ts'
import type { MARKET } from '../leases/contract.ts'
import type { SLASHING, STAKE } from '../stake/contracts.ts'
import type { ADMISSION } from './contracts.ts'

/** The event that tells that a change was made, by the function that makes it once it was announced. */
export const EFFECTS = {
  allot: 'Allotted',
  renounceOwnership: 'OwnershipTransferred',
  setClassWeight: 'ClassWeightSet',
  setCoveragePeriod: 'CoveragePeriodSet',
  setFloor: 'TcbFloorSet',
  setMeasurement: 'MeasurementSet',
  setManifest: 'ManifestSet',
  setNoticePeriod: 'NoticePeriodSet',
  setPenalty: 'PenaltySet',
  setShare: 'ShareSet',
  setSlasher: 'SlasherSet',
  setToken: 'TokenSet',
  setTreasury: 'TreasurySet',
  setVerdictThreshold: 'VerdictThresholdSet',
  transferOwnership: 'OwnershipTransferStarted',
} as const satisfies Record<string, string>

type Effect = (typeof EFFECTS)[keyof typeof EFFECTS]

/** The event that tells of a change by a function; undefined for one that announces nothing. */
export function effectOf(called: string): string | undefined {
  return new Map<string, string>(Object.entries(EFFECTS)).get(called)
}

/** Events by which governance acts, or says that it will. */
export const GOVERNANCE_EVENTS: ReadonlySet<string> = new Set([
  ...Object.values(EFFECTS),
  'Announced',
  'CalledOff',
  'Cancelled',
  'CollateralPerGpuSet',
  'Executed',
  'MeasurementSuspended',
  'OwnershipTransferred',
  'Proposed',
  'TcbFloorLowered',
  'TcbFloorRaised',
])

/** An event of governance's. `Announced` and those after it are alike in all contracts that have them. */
export type GovernanceEvent =
  | EventOf<typeof MARKET, 'Announced' | 'CalledOff' | 'OwnershipTransferred'>
  | EventOf<typeof STAKE, 'CollateralPerGpuSet'>
  | EventOf<typeof ADMISSION, 'MeasurementSuspended' | 'TcbFloorRaised' | 'TcbFloorLowered'>
  | EventOf<typeof SLASHING, 'Proposed' | 'Executed' | 'Cancelled'>
  | ChainEvent<Exclude<Effect, 'OwnershipTransferred'>>

/** Events in the order of the chain, each with who owned its contract when it was emitted. */
export function* withOwners(events: GovernanceEvent[]): Generator<[GovernanceEvent, { by?: Address }]> {
  const owners = new Map<string, Address>()
  for (const event of events) {
    const by = owners.get(event.contract)
    yield [event, by === undefined ? {} : { by }]
    if (event.name === 'OwnershipTransferred') owners.set(event.contract, event.args.newOwner)
  }
}
