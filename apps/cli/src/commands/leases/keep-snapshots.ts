import { CloisterError, formatMiB } from '@cloister/core'
import type { SnapshotRules } from '@cloister/keeper'
import { type Cloister, leases } from '@cloister/sdk'
import type { Globals } from '../../command.ts'
import { secondsOf } from '../../durations.ts'

/** Options that are about snapshots by a schedule. */
export interface ScheduleOptions extends Globals {
  snapshotEvery?: string
  snapshotTo?: string
  snapshotKeep?: string
  snapshotPause?: boolean
}

const LEAST_SECONDS = 60

/**
 * How `keep` takes snapshots, as its options say; undefined where they say nothing of it. The place and its
 * key are tried before anything is watched. Throws `bad-option`, and what opening the place throws.
 */
export async function snapshotRules(
  cloister: Cloister,
  options: ScheduleOptions,
): Promise<SnapshotRules | undefined> {
  const { snapshotEvery, snapshotTo, snapshotKeep, snapshotPause } = options
  if (snapshotEvery === undefined) {
    if (snapshotTo !== undefined || snapshotKeep !== undefined || snapshotPause)
      throw new CloisterError(
        'bad-option',
        '--snapshot-to, --snapshot-keep and --snapshot-pause are for --snapshot-every, which is not given.',
      )
    return undefined
  }
  const everySeconds = secondsOf(snapshotEvery)
  if (everySeconds < LEAST_SECONDS)
    throw new CloisterError('bad-option', '--snapshot-every has to be a minute or more.')
  const keep = snapshotKeep === undefined ? undefined : Number(snapshotKeep)
  if (keep !== undefined && !(Number.isSafeInteger(keep) && keep >= 1 && keep <= 100_000))
    throw new CloisterError(
      'bad-option',
      `--snapshot-keep is ${snapshotKeep}; it has to be a number from 1 on.`,
    )
  const [{ defaultPlace, openRepository }, { takeOf }, { prune }] = await Promise.all([
    import('../../snapshots/place.ts'),
    import('../../snapshots/take.ts'),
    import('@cloister/snapshots'),
  ])
  const place = snapshotTo ?? defaultPlace()
  const open = () => openRepository(place, options, { create: true })
  await open()
  return {
    everyMs: everySeconds * 1000,
    take: async ({ lease }, signal) => {
      const record = await leases.findLease(cloister, lease)
      // As it is now: others may have written to it.
      const repository = await open()
      const { id, snapshot } = await takeOf(cloister, record, repository, {
        ...{ paused: snapshotPause === true, signal },
      }).catch((error) => {
        // Leases without volumes are watched as well.
        if (error instanceof CloisterError && error.code === 'not-found')
          return { id: '', snapshot: undefined }
        throw error
      })
      if (!snapshot) return undefined
      const bytes = snapshot.volumes.reduce((sum, volume) => sum + volume.bytes, 0)
      const taken = `${id} has ${formatMiB(Math.ceil(bytes / 1024 ** 2))} in ${place}`
      if (keep === undefined) return `${taken}.`
      const { removed } = await prune(repository, { keep })
      return `${taken}; ${removed.length} old ones were removed.`
    },
  }
}
