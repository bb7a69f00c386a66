import { parseByteValueMiB } from '../units.ts'
import type { ComposeContext } from './compose-context.ts'
import { DEFAULT_VOLUME_MIB } from './defaults.ts'
import type { Field } from './field.ts'
import { NAME_PATTERN } from './patterns.ts'

/** Records a named volume as used, with its size: `x-size`, `driver_opts.size` or the default. */
export function useVolume(name: string, mount: Field, context: ComposeContext, isNamed: boolean): void {
  if (context.volumes[name]) return
  if (!NAME_PATTERN.test(name)) mount.fail('a volume name of letters, digits, ".", "_" and "-"')
  const declared = context.declaredVolumes.get(name)
  let sizeMiB: number | undefined
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
