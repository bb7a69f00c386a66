import { MOST_REPLICAS } from '../market/names.ts'
import type { Field } from './field.ts'
import type { Manifest } from './manifest.ts'

const ALONE =
  'Say x-spread: workers at the top of the file where each worker is to have its own; else deploy it as a lease of its own and let both files name the same x-network.'
const SHARED =
  'Replicas on several workers share no disk. Say x-spread: workers of the volume at the top level where each replica may have its own; else keep the data in one lease of its own, such as a database, and let both files name the same x-network.'

/** What a Compose file has been read to. */
export interface Spreadable {
  manifest: Manifest
  /** Services that are run, as the file has them. */
  services: ReadonlyMap<string, Field>
  /** Volumes that the file declares. */
  volumes: ReadonlyMap<string, Field>
}

/**
 * `x-spread: workers`, of a service or at the top level for all of them: the replicas are leases on as many
 * workers, each with the whole file and one container of each service. Returns how many; undefined for one
 * lease. Refuses what would mean something else then: services beside it that would be there several times,
 * volumes that several replicas share, jobs that would run several times.
 */
export function readSpread(root: Field, { manifest, services, volumes }: Spreadable): number | undefined {
  const ofFile = readWord(root)
  const said = new Map<string, Field>()
  for (const [key, field] of services) {
    const found = readWord(field)
    if (found) said.set(key, found)
  }
  const at = ofFile ?? [...said.values()][0]
  if (!at) {
    for (const [name, volume] of volumes)
      if (volume.isMap) readWord(volume)?.warn(`ignored: ${name} is on one worker, as the file is`)
    return undefined
  }
  const counts = new Set<number>()
  for (const [key, service] of Object.entries(manifest.services)) {
    if (!ofFile && !said.has(key)) at.refuse(`${key} would run once on each worker as well`, ALONE)
    if (service.schedule !== undefined)
      at.refuse(`${key} would be started on each worker by its schedule`, 'Give it a file of its own.')
    if (service.count > 1) counts.add(service.count)
    service.count = 1
  }
  if (counts.size > 1)
    at.refuse(
      `the services have different numbers of replicas: ${[...counts].join(', ')}`,
      'Each replica is a lease with all services: say one number.',
    )
  const [count] = counts
  if (count === undefined)
    return at.refuse('there is one replica', 'Say how many workers: deploy: { replicas: 3 }.')
  if (count > MOST_REPLICAS)
    at.refuse(`${count} replicas are too many`, `A group has ${MOST_REPLICAS} workers at the most.`)
  for (const name of Object.keys(manifest.volumes)) {
    const declared = volumes.get(name)
    if ((name.startsWith('anonymous-') && !declared) || (declared?.isMap && readWord(declared))) continue
    ;(declared ?? at).refuse(`the volume ${name} would be another one on each worker`, SHARED)
  }
  return count
}

/** The field `x-spread` of a mapping, which knows one word. */
function readWord(root: Field): Field | undefined {
  const field = root.isMap ? root.get('x-spread') : undefined
  if (field && field.text() !== 'workers') field.fail('workers')
  return field
}
