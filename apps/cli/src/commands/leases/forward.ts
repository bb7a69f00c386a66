import { CloisterError } from '@cloister/core'
import { leases } from '@cloister/sdk'
import { printable, say, sayJson, table } from '@cloister/terminal'
import { collectorsFrom } from '../../collectors.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import type { CollectorOptions } from '../../options.ts'
import { since } from '../../show.ts'

export interface ForwardOptions extends Globals, CollectorOptions {
  to?: string[]
  service?: string[]
  off?: boolean
}

/** Says where a lease's logs go, or shows how it goes with that. */
export async function runForward(key: string, options: ForwardOptions): Promise<void> {
  const { to = [], service, off } = options
  if (off && to.length > 0) throw new CloisterError('bad-option', 'Say --to or --off, not both.')
  const collectors = collectorsFrom(to, options, service)
  const cloister = connect(options)
  const { asTenant } = await leases.openSession(cloister, key)
  const { lease } = await leases.findLease(cloister, key)
  if (off || to.length > 0) await asTenant.putCollectors(lease, collectors)
  if (off) return options.json ? sayJson([]) : say('Its logs go to no collector any more.')
  if (to.length > 0 && !options.json)
    return say(
      `Its logs go to ${to.length === 1 ? 'that collector' : `those ${to.length} collectors`} from now on. See how it goes: cloister forward ${printable(key)}`,
    )
  const reports = await asTenant.collectors(lease)
  if (options.json) return sayJson(reports)
  if (reports.length === 0) return say('Its logs go to no collector. Name one with --to.')
  say(
    table(
      ['collector', 'sent', 'waiting', 'dropped', 'last', ''],
      reports.map(({ url, sent, waiting, dropped, lastSentAt, problem }) => [
        printable(url),
        String(sent),
        String(waiting),
        String(dropped),
        lastSentAt === undefined ? '' : `${since(Math.round(lastSentAt / 1000))} ago`,
        printable(problem ?? ''),
      ]),
      ['sent', 'waiting', 'dropped'],
    ),
  )
}
