import { decodeChange, type Governed } from '@cloister/chain'
import { type AnnouncementRecord, CHANGE_EXPIRY_SECONDS } from '@cloister/core'
import { type Hex, zeroAddress } from 'viem'
import { plain } from '../../engine/read.ts'
import { EFFECTS, type GovernanceRow, withOwners } from './events.ts'

/** Who owned the contract. */
type Owner = Pick<AnnouncementRecord, 'by'>

/** An announcement, and whether it is open still. */
interface Known {
  record: AnnouncementRecord
  isOpen: boolean
}

/**
 * What was announced and what became of it, newest first, out of governance's events in the order of the
 * chain. A change that is made says nothing of its announcement: it is the one with the same values, in the
 * time in which it could be made.
 */
export function foldAnnouncements(
  rows: GovernanceRow[],
  contracts: Governed[],
  now: number,
): AnnouncementRecord[] {
  const byAddress = new Map(contracts.map((contract) => [contract.address.toLowerCase(), contract]))
  const known: Known[] = []
  for (const [row, owner] of withOwners(rows)) {
    const contract = byAddress.get(row.contract)
    if (!contract) continue
    const open = known.filter(({ isOpen, record }) => isOpen && record.contract === contract.name)
    if (row.name === 'Announced') {
      end(
        open.find(({ record }) => record.change === row.args['change']),
        'replaced',
        row,
      )
      known.push({ record: announced(row, contract, owner), isOpen: true })
    } else if (row.name === 'CalledOff')
      end(
        open.find(({ record }) => record.change === row.args['change']),
        'called-off',
        row,
      )
    else if (row.name === 'CollateralPerGpuSet') {
      if (Number(row.args['from']) <= row.time) continue
      const before = open.find(
        ({ record }) => record.change === undefined && record.args?.['gpuClass'] === row.args['gpuClass'],
      )
      if (before && before.record.readyAt > row.time) end(before, 'replaced', row)
      known.push({ record: waiting(row, contract, owner), isOpen: true })
    } else
      end(
        open.find(({ record }) => isEffect(row, record)),
        'made',
        row,
      )
  }
  return known
    .map(({ record, isOpen }) => (isOpen ? { ...record, state: stateOf(record, now) } : record))
    .reverse()
}

function announced(row: GovernanceRow, { name, address, abi }: Governed, owner: Owner): AnnouncementRecord {
  const call = row.args['call'] as Hex
  const change = decodeChange(abi, call)
  const readyAt = Number(row.args['readyAt'])
  return {
    ...common(row, { name, address }, owner),
    change: row.args['change'] as Hex,
    call,
    ...(change && { function: change.function, args: plain(change.args) as Record<string, unknown> }),
    readyAt,
    expiresAt: readyAt + CHANGE_EXPIRY_SECONDS,
  }
}

/** A change that waits by itself, and that nobody has to make again. */
function waiting(row: GovernanceRow, { name, address }: Governed, owner: Owner): AnnouncementRecord {
  const { gpuClass, amount, from } = row.args
  return {
    ...common(row, { name, address }, owner),
    function: 'setCollateralPerGpu',
    args: { gpuClass, amount },
    readyAt: Number(from),
  }
}

function common(row: GovernanceRow, { name, address }: Pick<Governed, 'name' | 'address'>, owner: Owner) {
  const { time, transaction } = row
  return {
    contract: name,
    address,
    ...owner,
    announcedAt: time,
    state: 'waiting',
    transaction: transaction as Hex,
  } as const
}

function end(one: Known | undefined, state: AnnouncementRecord['state'], row: GovernanceRow): void {
  if (!one) return
  one.isOpen = false
  one.record = { ...one.record, state, endedAt: row.time }
}

function isEffect(
  row: GovernanceRow,
  { function: called, args = {}, change, readyAt, expiresAt = 0 }: AnnouncementRecord,
): boolean {
  if (change === undefined || called === undefined || EFFECTS[called] !== row.name) return false
  if (row.time < readyAt || row.time >= expiresAt) return false
  // Ownership is handed over by an event of the same name.
  if (called === 'renounceOwnership' && row.args['newOwner'] !== zeroAddress) return false
  const values = new Map(
    Object.entries(row.args).map(([name, value]) => [name.replace(/_$/, ''), JSON.stringify(value)]),
  )
  return Object.entries(args).every(([name, value]) => values.get(name) === JSON.stringify(value))
}

function stateOf(
  { change, readyAt, expiresAt = readyAt }: AnnouncementRecord,
  now: number,
): AnnouncementRecord['state'] {
  if (now < readyAt) return 'waiting'
  if (change === undefined) return 'made'
  return now < expiresAt ? 'ready' : 'expired'
}
