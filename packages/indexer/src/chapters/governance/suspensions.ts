import { SUSPENSION_SECONDS, type SuspensionRecord } from '@cloister/core'
import type { Hex } from 'viem'
import { type GovernanceRow, withOwners } from './events.ts'

/**
 * What governance suspended without waiting, newest first: roles of guest images, and families of platforms
 * below a second floor.
 */
export function foldSuspensions(rows: GovernanceRow[], now: number): SuspensionRecord[] {
  const known = new Map<string, SuspensionRecord>()
  for (const [row, owner] of withOwners(rows)) {
    const { image, fmspc, roles, floor } = row.args
    const until = Number(row.args['until'])
    // As often as one is changed, it ends when it would have ended.
    const key = `${image ?? fmspc} ${until}`
    const before = known.get(key)
    const began = { ...owner, since: until - SUSPENSION_SECONDS, until, transaction: row.transaction as Hex }
    if (row.name === 'ImageSuspended') {
      const taken = Number(roles)
      // Zero gives back, also where nothing was taken.
      if (taken === 0 && (before?.kind !== 'image' || row.time >= until)) continue
      const kept = before?.kind === 'image' && taken === 0 ? before.roles : taken
      known.set(key, {
        kind: 'image',
        image: image as Hex,
        roles: kept,
        ...began,
        state: taken === 0 ? 'lifted' : 'in-force',
      })
    } else if (row.name === 'TcbFloorRaised')
      known.set(key, {
        kind: 'floor',
        fmspc: String(fmspc),
        floor: floor as Record<string, unknown>,
        ...began,
        state: 'in-force',
      })
    else if (row.name === 'TcbFloorLowered')
      for (const [other, one] of known)
        if (one.kind === 'floor' && one.fmspc === fmspc && one.state === 'in-force' && row.time < one.until)
          known.set(other, { ...one, state: 'lifted' })
  }
  const all = [...known.values()].map(
    (one): SuspensionRecord =>
      one.state === 'in-force' && now >= one.until ? { ...one, state: 'over' } : one,
  )
  return all.reverse().sort((a, b) => b.since - a.since)
}
