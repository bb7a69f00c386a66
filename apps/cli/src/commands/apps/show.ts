import { type AllowedHash, type App, getApp } from '@cloister/chain'
import { formatDuration } from '@cloister/core'
import { facts, paint, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { resolveApp } from '../../secret-options.ts'
import { instant } from '../../show.ts'

export async function showApp(name: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const app = await getApp(cloister.chain, resolveApp(cloister, name))
  if (options.json) return sayJson(app)
  sayApp(app)
}

export function sayApp(app: App): void {
  say(
    facts([
      ['app', app.app],
      ['owner', app.owner],
      [
        'upgrade delay',
        app.upgradeDelay === 0
          ? paint('yellow', 'none: what is allowed counts at once')
          : formatDuration(app.upgradeDelay),
      ],
      ['frozen', app.frozenAt === undefined ? 'no' : `since ${instant(app.frozenAt)}`],
    ]),
  )
  say()
  const rows = (kind: string, list: AllowedHash[]) => list.map((entry) => [kind, entry.hash, standing(entry)])
  say(
    table(
      ['may have its keys', 'hash', ''],
      [...rows('manifest', app.manifests), ...rows('measurement', app.measurements)],
    ),
  )
}

function standing({ allowedFrom, void: isVoid }: AllowedHash): string {
  if (isVoid) return paint('red', 'never: the app was frozen first')
  return allowedFrom * 1000 <= Date.now()
    ? paint('green', 'counts')
    : paint('yellow', `from ${instant(allowedFrom)}`)
}
