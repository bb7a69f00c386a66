import { decodeChange, type Governed } from '@cloister/chain'
import { type AnnouncementRecord, CHANGE_EXPIRY_SECONDS } from '@cloister/core'
import { zeroAddress } from 'viem'
import { plain } from '../../engine/args.ts'
import { effectOf, type GovernanceEvent, withOwners } from './events.ts'

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
  events: GovernanceEvent[],
  contracts: Governed[],
  now: number,
): AnnouncementRecord[] {
  const byName = new Map<string, Governed>(contracts.map((contract) => [contract.name, contract]))
  const known: Known[] = []
  for (const [event, owner] of withOwners(events)) {
    const contract = byName.get(event.contract)
    if (!contract) continue
    const open = known.filter(({ isOpen, record }) => isOpen && record.contract === contract.name)
    if (event.name === 'Announced') {
      end(
        open.find(({ record }) => record.change === event.args.change),
        'replaced',
        event,
      )
      known.push({ record: announced(event, contract, owner), isOpen: true })
    } else if (event.name === 'CalledOff')
      end(
        open.find(({ record }) => record.change === event.args.change),
        'called-off',
        event,
      )
    else if (event.name === 'CollateralPerGpuSet') {
      if (Number(event.args.from) <= event.time) continue
      const before = open.find(
        ({ record }) => record.change === undefined && record.args?.['gpuClass'] === event.args.gpuClass,
      )
      if (before && before.record.readyAt > event.time) end(before, 'replaced', event)
      known.push({ record: waiting(event, contract, owner), isOpen: true })
    } else
      end(
        open.find(({ record }) => isEffect(event, record)),
        'made',
        event,
      )
  }
  return known
    .map(({ record, isOpen }) => (isOpen ? { ...record, state: stateOf(record, now) } : record))
    .reverse()
}

function announced(
  event: GovernanceEvent & { name: 'Announced' },
  contract: Governed,
  owner: Owner,
): AnnouncementRecord {
  const { change, call, readyAt: ready } = event.args
  const decoded = decodeChange(contract.abi, call)
  const readyAt = Number(ready)
  return {
    ...began(event, contract, owner),
    change,
    call,
    // Arguments are an object, so their plain form is one.
    ...(decoded && { function: decoded.function, args: plain(decoded.args) as Record<string, unknown> }),
    readyAt,
    expiresAt: readyAt + CHANGE_EXPIRY_SECONDS,
  }
}

/** A change that waits by itself, and that nobody has to make again. */
function waiting(
  event: GovernanceEvent & { name: 'CollateralPerGpuSet' },
  contract: Governed,
  owner: Owner,
): AnnouncementRecord {
  const { gpuClass, amount, from } = event.args
  return {
    ...began(event, contract, owner),
    function: 'setCollateralPerGpu',
    args: { gpuClass, amount: amount.toString() },
    readyAt: Number(from),
  }
}

/** What both kinds begin with. */
function began({ time, transaction }: GovernanceEvent, { name, address }: Governed, owner: Owner) {
  return { contract: name, address, ...owner, announcedAt: time, state: 'waiting', transaction } as const
}

function end(one: Known | undefined, state: AnnouncementRecord['state'], { time }: GovernanceEvent): void {
  if (!one) return
  one.isOpen = false
  one.record = { ...one.record, state, endedAt: time }
}

function isEffect(
  event: GovernanceEvent,
  { function: called, args = {}, change, readyAt, expiresAt = 0 }: AnnouncementRecord,
): boolean {
  if (change === undefined || called === undefined || effectOf(called) !== event.name) return false
  if (event.time < readyAt || event.time >= expiresAt) return false
  // Ownership is handed over by an event of the same name.
  if (called === 'renounceOwnership' && event.name === 'OwnershipTransferred')
    if (event.args.newOwner !== zeroAddress) return false
  const values = new Map(
    Object.entries(event.args).map(([name, value]) => [name.replace(/_$/, ''), JSON.stringify(plain(value))]),
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
