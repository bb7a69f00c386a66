import { votes } from '@cloister/sdk'
import { printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { ballotJson } from './json.ts'
import { isOpen, nextOf, stateOf } from './standing.ts'
import { trackName } from './tracks.ts'

export async function list(options: Globals & { all?: boolean }): Promise<void> {
  const all = await votes.list(connect(options))
  const shown = options.all ? all : all.filter(isOpen)
  if (options.json) return sayJson({ ballots: shown.map(ballotJson) })
  if (shown.length === 0)
    return say(
      all.length === 0
        ? 'Nobody has proposed a ballot yet: `cloister vote propose`.'
        : 'No ballot is open. See those that are over with `cloister vote list --all`.',
    )
  say(
    table(
      ['ballot', 'title', 'track', 'state', 'next'],
      shown.map((status) => [
        status.ballot.id.slice(0, 10),
        printable(status.ballot.title).slice(0, 48),
        trackName(status.ballot.track),
        stateOf(status),
        nextOf(status),
      ]),
    ),
  )
}
