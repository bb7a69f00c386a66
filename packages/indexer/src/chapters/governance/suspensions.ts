import { SUSPENSION_SECONDS, type SuspensionRecord } from '@cloister/core'
import { plain } from '../../engine/args.ts'
import { type GovernanceEvent, withOwners } from './events.ts'

/**
 * What governance suspended without waiting, newest first: roles of measurements, and families of platforms
 * below a second floor.
 */
export function foldSuspensions(events: GovernanceEvent[], now: number): SuspensionRecord[] {
  const known = new Map<string, SuspensionRecord>()
  for (const [event, owner] of withOwners(events)) {
    // As often as one is changed, it ends when it would have ended.
    const keyOf = (what: string, until: number) => `${what} ${until}`
    const began = (until: number) =>
      ({ ...owner, since: until - SUSPENSION_SECONDS, until, transaction: event.transaction }) as const
    if (event.name === 'MeasurementSuspended') {
      const { measurement, roles: taken } = event.args
      const until = Number(event.args.until)
      const key = keyOf(measurement, until)
      const before = known.get(key)
      // Zero gives back, also where nothing was taken.
      if (taken === 0 && (before?.kind !== 'measurement' || event.time >= until)) continue
      const kept = before?.kind === 'measurement' && taken === 0 ? before.roles : taken
      known.set(key, {
        kind: 'measurement',
        measurement,
        roles: kept,
        ...began(until),
        state: taken === 0 ? 'lifted' : 'in-force',
      })
    } else if (event.name === 'TcbFloorRaised') {
      const { fmspc, floor } = event.args
      const until = Number(event.args.until)
      known.set(keyOf(fmspc, until), {
        kind: 'floor',
        fmspc,
        // A floor is an object, so its plain form is one.
        floor: plain(floor) as Record<string, unknown>,
        ...began(until),
        state: 'in-force',
      })
    } else if (event.name === 'TcbFloorLowered')
      for (const [other, one] of known)
        if (
          one.kind === 'floor' &&
          one.fmspc === event.args.fmspc &&
          one.state === 'in-force' &&
          event.time < one.until
        )
          known.set(other, { ...one, state: 'lifted' })
  }
  const all = [...known.values()].map(
    (one): SuspensionRecord =>
      one.state === 'in-force' && now >= one.until ? { ...one, state: 'over' } : one,
  )
  return all.reverse().sort((a, b) => b.since - a.since)
}
