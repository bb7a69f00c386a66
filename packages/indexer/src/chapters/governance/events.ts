import type { Address } from 'viem'
import type { governance } from '../../database/schema.ts'

/** The event that tells that a change was made, by the function that makes it once it was announced. */
export const EFFECTS: Record<string, string> = {
  allot: 'Allotted',
  renounceOwnership: 'OwnershipTransferred',
  setClassWeight: 'ClassWeightSet',
  setCoveragePeriod: 'CoveragePeriodSet',
  setFloor: 'TcbFloorSet',
  setImage: 'ImageSet',
  setManifest: 'ManifestSet',
  setNoticePeriod: 'NoticePeriodSet',
  setPenalty: 'PenaltySet',
  setSlasher: 'SlasherSet',
  setToken: 'TokenSet',
  setTreasury: 'TreasurySet',
  setVerdictThreshold: 'VerdictThresholdSet',
  transferOwnership: 'OwnershipTransferStarted',
}

/** Events by which governance acts, or says that it will. */
export const GOVERNANCE_EVENTS = new Set([
  ...Object.values(EFFECTS),
  'Announced',
  'CalledOff',
  'Cancelled',
  'CollateralPerGpuSet',
  'Executed',
  'ImageSuspended',
  'OwnershipTransferred',
  'Proposed',
  'TcbFloorLowered',
  'TcbFloorRaised',
])

/** An event of governance's, as it is kept. */
export type GovernanceRow = typeof governance.$inferSelect

/** Events in the order of the chain, each with who owned its contract when it was emitted. */
export function* withOwners(rows: GovernanceRow[]): Generator<[GovernanceRow, { by?: Address }]> {
  const owners = new Map<string, Address>()
  for (const row of rows) {
    const by = owners.get(row.contract)
    yield [row, by === undefined ? {} : { by }]
    if (row.name === 'OwnershipTransferred') owners.set(row.contract, row.args['newOwner'] as Address)
  }
}
