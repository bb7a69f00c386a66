import { parseByteValueMiB } from '../units.ts'
import type { ComposeContext } from './compose-context.ts'
import { DEFAULT_VOLUME_MIB } from './defaults.ts'
import type { Field } from './field.ts'
import { CONTAINER_PATH, NAME_PATTERN } from './patterns.ts'

/**
 * Records a volume as used, with its size: what its mount states, `x-size`, `driver_opts.size` or the
 * default. The largest that mounts state holds.
 */
export function useVolume(
  name: string,
  mount: Field,
  context: ComposeContext,
  isNamed: boolean,
  ofMount?: number,
): void {
  const known = context.volumes[name]
  if (known && ofMount !== undefined) known.sizeMiB = Math.max(known.sizeMiB, ofMount)
  if (known) return
  if (!NAME_PATTERN.test(name)) mount.fail('a volume name of letters, digits, ".", "_" and "-"')
  const declared = context.declaredVolumes.get(name)
  let sizeMiB = ofMount
  if (declared && !declared.isNull) {
    declared.fields(
      {
        driver: (field) => {
          if (field.text() !== 'local')
            field.refuse('only local volumes are offered', 'Leave the driver out.')
        },
        driver_opts: (field) => {
          if (!field.isNull)
            field.fields(
              { size: (size) => void (sizeMiB = size.parse(parseByteValueMiB)) },
              {
                device: 'A volume is a folder of the worker; host devices and paths are not offered.',
                o: 'Mount options are not offered.',
              },
              { type: 'a volume is a folder of the worker' },
            )
        },
      },
      { external: 'Volumes live and end with their lease; drop "external".' },
      { labels: 'labels have no effect', name: 'the worker names volumes' },
    )
    const size = declared.get('x-size')
    if (size) sizeMiB = size.parse(parseByteValueMiB)
  }
  if (isNamed && !declared)
    mount.warn(`the volume ${name} is declared nowhere; Docker Compose would refuse the file`)
  if (sizeMiB === undefined)
    (declared ?? mount).warn(
      `the volume ${name} states no size and gets ${DEFAULT_VOLUME_MIB} MiB (set x-size)`,
    )
  context.volumes[name] = { sizeMiB: Math.max(1, sizeMiB ?? DEFAULT_VOLUME_MIB), class: 'default' }
}

/** A path in the container, without the slash at its end. */
export function targetOf(path: string, item: Field): string {
  if (!CONTAINER_PATH.test(path))
    item.fail('an absolute path in the container, without "..", ":" or control characters')
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}
