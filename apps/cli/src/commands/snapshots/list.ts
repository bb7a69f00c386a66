import { formatMiB, shortId } from '@cloister/core'
import { listSnapshots } from '@cloister/snapshots'
import { note, say, sayJson, table } from '@cloister/terminal'
import type { Hex } from 'viem'
import type { Globals } from '../../command.ts'
import { defaultPlace, openRepository } from '../../snapshots/place.ts'

export async function showSnapshots(place = defaultPlace(), options: Globals): Promise<void> {
  const json = options.json === true
  const kept = await listSnapshots(await openRepository(place, options))
  if (json) return sayJson(kept.map(({ id, snapshot }) => ({ id, ...snapshot })))
  if (kept.length === 0) return note(`There are no snapshots in ${place}.`)
  const rows = kept.map(({ id, snapshot: { name, lease, takenAt, volumes } }) => [
    id,
    name ?? shortId(lease as Hex),
    new Date(takenAt).toISOString().slice(0, 16).replace('T', ' '),
    volumes.map((volume) => volume.name).join(', '),
    String(volumes.reduce((sum, { files }) => sum + files, 0)),
    formatMiB(Math.ceil(volumes.reduce((sum, { bytes }) => sum + bytes, 0) / 1024 ** 2)),
  ])
  say(table(['snapshot', 'lease', 'taken (UTC)', 'volumes', 'files', 'size'], rows, ['files', 'size']))
}
