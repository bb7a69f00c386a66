import { leases, sessionOf } from '@cloister/sdk'
import { paint, printable, say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { sayEnded } from './logs.ts'
import { onInterrupt } from './streams.ts'

export async function showEvents(key: string, options: Globals & { follow?: boolean }): Promise<void> {
  const cloister = connect(options)
  const lease = await leases.findLease(cloister, key)
  const aborter = onInterrupt()
  for await (const event of sessionOf(cloister, lease).asTenant.events(lease.lease, {
    follow: options.follow === true,
    signal: aborter.signal,
  })) {
    if (options.json) sayJson(event)
    else
      say(
        `${paint('dim', new Date(event.time).toISOString().slice(0, 19).replace('T', ' '))}  ${printable(event.kind).padEnd(13)} ${printable(event.message)}`,
      )
  }
  sayEnded(options, aborter.signal)
}
