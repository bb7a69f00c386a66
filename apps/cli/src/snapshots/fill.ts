import { CloisterError, formatMiB, type Manifest } from '@cloister/core'
import type { DeployParameters } from '@cloister/sdk'
import { note, paint, printable } from '@cloister/terminal'
import type { Globals } from '../command.ts'
import { openRepository, snapshotAt } from './place.ts'

/**
 * What fills the volumes of a new lease with a snapshot. It is found and read before anything is paid for.
 * Throws `not-found` where there is none, or where the file has none of its volumes.
 */
export async function fillFrom(
  text: string,
  manifest: Manifest,
  globals: Globals,
  tell: (detail: string) => void,
): Promise<DeployParameters['fill']> {
  const { findSnapshot, restoreVolumes } = await import('@cloister/snapshots')
  const { place, id } = snapshotAt(text)
  const repository = await openRepository(place, globals)
  const found = await findSnapshot(repository, id)
  const mounted = new Set(Object.keys(manifest.volumes))
  // Those of images are called by their containers.
  const known = found.snapshot.volumes.filter(({ name }) => mounted.has(name) || name.includes('.image-'))
  const unknown = found.snapshot.volumes.filter((volume) => !known.includes(volume))
  if (known.length === 0)
    throw new CloisterError(
      'not-found',
      `The file has none of the volumes of ${found.id}: ${unknown.map(({ name }) => name).join(', ')}.`,
      { hint: `It has ${[...mounted].join(', ') || 'none'}. Volumes go by their names.` },
    )
  if (globals.json !== true)
    for (const { name } of unknown)
      note(
        `${paint('yellow', '!', process.stderr)} The file has no volume ${printable(name)}, so what the snapshot has of it is left out.`,
      )
  return (client, lease) =>
    restoreVolumes(repository, { volumes: known }, { client, lease }, ({ volume, sent }) =>
      tell(`restoring ${printable(volume)}: ${formatMiB(Math.ceil(sent / 1024 ** 2))} sent`),
    )
}
