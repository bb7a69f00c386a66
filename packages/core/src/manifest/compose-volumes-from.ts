import { byTarget } from './compose-merge.ts'
import type { Field } from './field.ts'

/** Services that take each other's mounts, one after another. */
const MOST_STEPS = 16

/**
 * A service with the mounts of those that it names under `volumes_from`, before its own; `NAME:ro` mounts
 * them to be read.
 */
export function withVolumesFrom(service: Field, services: ReadonlyMap<string, Field>): Field {
  const mounts = mountsOf(service, services, [])
  if (!service.isMap || !service.get('volumes_from') || mounts.length === 0) return service
  const at = service.get('volumes') ?? service.get('volumes_from') ?? service
  const entries = service.entries().filter(([key]) => key !== 'volumes')
  return service.with(new Map([...entries, ['volumes', at.with(mounts)]]))
}

function mountsOf(service: Field, services: ReadonlyMap<string, Field>, trail: string[]): Field[] {
  if (!service.isMap) return []
  const volumes = service.get('volumes')
  const own = volumes && !volumes.isNull ? volumes.list() : []
  const from = service.get('volumes_from')
  if (!from || from.isNull) return own
  const others = from.list().flatMap((item) => {
    const [name = '', mode = 'rw', ...rest] = item.text().split(':')
    if (name === 'container')
      item.refuse('containers outside of the lease have no volumes here', 'Name a service of the file.')
    if (rest.length > 0 || !['rw', 'ro'].includes(mode)) item.fail('a service, or service:ro')
    const other = services.get(name)
    if (!other) return item.refuse(`there is no service ${name}`, 'Name one of the file.')
    if (trail.includes(name) || trail.length > MOST_STEPS)
      item.refuse(`${name} takes its own mounts`, 'Take one of them out.')
    const found = mountsOf(other, services, [...trail, name])
    return mode === 'ro' ? found.map(toRead) : found
  })
  return byTarget([...others, ...own])
}

/** The same mount, to be read. */
function toRead(mount: Field): Field {
  if (mount.isMap)
    return mount.with(
      new Map([
        ...mount.entries().filter(([key]) => key !== 'read_only'),
        ['read_only', mount.with('true')] as [string, Field],
      ]),
    )
  const [from, to, mode] = mount.text().split(':')
  if (to === undefined)
    return mount.with(
      new Map([
        ['type', 'volume'],
        ['target', mount.text()],
        ['read_only', 'true'],
      ]),
    )
  return mount.with(`${from}:${to}:${mode === undefined ? 'ro' : `${mode},ro`}`)
}
