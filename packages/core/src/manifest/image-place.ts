import type { Field } from './field.ts'
import type { ImagePlace } from './parse-options.ts'
import { pathFrom } from './project-path.ts'

/** Transports of containers/image (containers-transports(5)) that name something on this machine. */
const ARCHIVES: Record<string, 'layout' | 'oci-archive' | 'docker-archive'> = {
  oci: 'layout',
  'oci-archive': 'oci-archive',
  'docker-archive': 'docker-archive',
}
const ENGINES = ['docker-daemon', 'containers-storage']

/**
 * The place on this machine that an `image` names: `./layout`, `oci:FOLDER[:NAME]`,
 * `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`, `docker-daemon:NAME`, `containers-storage:NAME`.
 * Undefined for an image of a registry.
 */
export function imagePlaceOf(field: Field): ImagePlace | undefined {
  const text = field.text()
  if (/^(?:\.{1,2}(?:\/|$)|\/)/.test(text)) return { kind: 'layout', ...split(field, text) }
  const [, transport = '', rest = ''] = /^([a-z-]+):(.+)$/s.exec(text) ?? []
  const kind = Object.hasOwn(ARCHIVES, transport) ? ARCHIVES[transport] : undefined
  if (ENGINES.includes(transport)) return { kind: 'engine', name: rest.replace(/^\[[^\]]*\]/, '') }
  // A short name with a tag that is only a word, such as oci:latest, is an image of a registry.
  if (!kind || !/[./]/.test(rest)) return undefined
  return { kind, ...split(field, rest.replace(/^\/\/(?=\/)/, '')) }
}

/** A path, and the name after its `:` of one image among several. */
function split(field: Field, text: string): { path: string; name?: string } {
  const colon = text.indexOf(':', text.lastIndexOf('/', text.indexOf(':')) + 1)
  if (colon < 0) return { path: pathFrom(field, text) }
  return { path: pathFrom(field, text.slice(0, colon)), name: text.slice(colon + 1) }
}
