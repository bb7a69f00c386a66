import { CloisterError } from '@cloister/core'
import { leases, sessionOf } from '@cloister/sdk'
import { paint, printable, say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { sayEnded } from './logs.ts'
import { onInterrupt } from './streams.ts'

export interface EventOptions extends Globals {
  all?: boolean
  follow?: boolean
  cursor?: string
}

export async function showEvents(key: string | undefined, options: EventOptions): Promise<void> {
  if ((key === undefined) === (options.all !== true))
    throw new CloisterError('bad-option', 'Name one lease, or say --all.')
  if (key === undefined) return showAll(options)
  if (options.cursor !== undefined) throw new CloisterError('bad-option', '--cursor is for --all.')
  const cloister = connect(options)
  const lease = await leases.findLease(cloister, key)
  const aborter = onInterrupt()
  for await (const event of sessionOf(cloister, lease).asTenant.events(lease.lease, {
    follow: options.follow === true,
    signal: aborter.signal,
  })) {
    if (options.json) sayJson(event)
    else sayEvent(`${timeOf(event.time)}  ${printable(event.kind).padEnd(13)}`, event.message)
  }
  sayEnded(options, aborter.signal)
}

async function showAll({ json, follow = false, cursor, ...options }: EventOptions): Promise<void> {
  const { signal } = onInterrupt()
  for await (const event of leases.allEvents(connect(options), { follow, cursor, signal })) {
    if (json) {
      sayJson(event)
      continue
    }
    const name = printable(event.name ?? event.lease.slice(2, 18))
    sayEvent(`${timeOf(event.time)}  ${name.padEnd(16)} ${printable(event.kind).padEnd(13)}`, event.message)
  }
}

/** What a container printed last comes with the event that it ended, a line each. */
function sayEvent(head: string, message: string): void {
  const [first = '', ...more] = message.split('\n')
  say(`${head} ${printable(first)}`)
  for (const line of more) say(`    ${printable(line)}`)
}

function timeOf(milliseconds: number): string {
  return paint('dim', new Date(milliseconds).toISOString().slice(0, 19).replace('T', ' '))
}
