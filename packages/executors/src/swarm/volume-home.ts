import { CloisterError, GrowingPause } from '@cloister/core'
import type { ContainerSpec } from '../executor.ts'
import type { Membership } from './membership.ts'
import type { Places } from './places.ts'

/** How long a machine may not answer before whoever waits for its volumes is told. */
const PATIENCE_MS = 20_000

/**
 * The machine that a container's volumes are on, which answers; undefined where there are none yet. Throws
 * `volume-lost` where the Swarm has that machine no more (`docker node rm`), `volume-away` where it doesn't
 * answer, and `start-failed` where the volumes are on several.
 */
export async function volumeHome(
  { lease, name, mounts }: ContainerSpec,
  { places, membership }: { places: Places; membership: Membership },
): Promise<string | undefined> {
  if (mounts.length === 0) return undefined
  const known = await places.volumesOf(lease)
  const volumes = mounts.map(({ volume }) => volume).filter((volume) => known.has(volume))
  const homes = new Set(volumes.map((volume) => known.get(volume)))
  if (homes.size > 1)
    throw new CloisterError(
      'start-failed',
      `${name} mounts volumes that are on different machines of the provider's.`,
      { hint: 'Have volumes that are mounted together begin in one container.' },
    )
  const [home] = homes
  if (home === undefined) return undefined
  const named = `${volumes.length > 1 ? 'volumes' : 'volume'} ${volumes.join(', ')}`
  const pauses = new GrowingPause({ firstMs: 500, longestMs: 2_000 })
  for (const end = Date.now() + PATIENCE_MS; ; await pauses.wait()) {
    const nodes = await places.nodes()
    if (!nodes.some(({ id }) => id === home))
      throw new CloisterError(
        'volume-lost',
        `The ${named} of ${name} is lost with its machine, which the provider says is gone for good.`,
        { hint: 'Deploy from a snapshot, and close this lease.' },
      )
    if (membership.engineOf(home)) return home
    if (Date.now() > end)
      throw new CloisterError(
        'volume-away',
        `${name} waits for the machine that has the ${named}: it does not answer, or is not attested.`,
      )
  }
}
