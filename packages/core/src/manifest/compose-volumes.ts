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
  const stated = declared && !declared.isNull ? readDeclared(declared) : undefined
  if (stated?.isExternal)
    declared?.warn(
      `ignored: external; ${name} is a fresh volume of the lease here, and begins without what is elsewhere`,
    )
  const sizeMiB = ofMount ?? stated?.sizeMiB
  if (isNamed && !declared)
    mount.warn(`the volume ${name} is declared nowhere; Docker Compose would refuse the file`)
  if (sizeMiB === undefined)
    (declared ?? mount).warn(
      `the volume ${name} states no size and gets ${DEFAULT_VOLUME_MIB} MiB (set x-size)`,
    )
  context.volumes[name] = { sizeMiB: Math.max(1, sizeMiB ?? DEFAULT_VOLUME_MIB), class: 'default' }
}

/** What a volume at the top level says of itself. */
interface Declared {
  sizeMiB: number | undefined
  isExternal: boolean
  /** The folder of the host that it stands for (`type: none`, `o: bind`). */
  device: Field | undefined
}

/** A folder of the host that a declared volume stands for; undefined for what is a volume. */
export function deviceOf(name: string, { declaredVolumes }: ComposeContext): Field | undefined {
  const declared = declaredVolumes.get(name)
  if (!declared?.isMap) return undefined
  const options = declared.get('driver_opts')
  const isBind = options?.isMap && /(?:^|,)\s*r?bind(?:,|$)/.test(options.get('o')?.text() ?? '')
  return isBind ? readDeclared(declared).device : undefined
}

function readDeclared(declared: Field): Declared {
  const found: Declared = { sizeMiB: undefined, isExternal: false, device: undefined }
  declared.fields(
    {
      driver: (field) => {
        if (!field.isNothing && field.text() !== 'local')
          field.refuse(
            `the driver ${field.text().slice(0, 40)} is not offered`,
            'Volumes are folders of the worker: leave the driver out.',
          )
      },
      driver_opts: (field) => {
        if (!field.isNothing) readDriverOptions(field, found)
      },
      external: (field) => {
        if (field.isMap) field.fields({ name: () => {} })
        found.isExternal = field.isMap || field.boolean()
      },
    },
    {},
    { labels: 'labels have no effect', name: 'the worker names volumes' },
  )
  const size = declared.get('x-size')
  if (size) found.sizeMiB = size.parse(parseByteValueMiB)
  return found
}

/** Options of Docker's `local` driver, which are those of mount(8). */
function readDriverOptions(root: Field, found: Declared): void {
  const type = root.get('type')?.text() ?? ''
  const options = (root.get('o')?.text() ?? '').split(',').map((option) => option.trim())
  const isBind = options.some((option) => option === 'bind' || option === 'rbind')
  const isMemory = type === 'tmpfs'
  root.fields({
    size: (size) => void (found.sizeMiB = size.parse(parseByteValueMiB)),
    type: (field) => {
      if (isMemory)
        field.warn(
          'ignored: it is a volume on disk, which keeps its content; for memory use tmpfs of a service',
        )
      else if (!isBind && !['', 'none', 'ext4', 'xfs', 'btrfs'].includes(type))
        field.refuse(
          `a file system of type ${type.slice(0, 20)} is not mounted`,
          'A worker mounts nothing from elsewhere: use a volume of the lease, or fetch what is needed at start.',
        )
      else if (!isBind) field.warn('ignored: a volume is a folder of the worker')
    },
    device: (field) => {
      if (isBind) found.device = field
      else if (!isMemory)
        field.refuse(
          'devices of the host are not mounted',
          'A volume is a folder of the worker: drop the driver_opts.',
        )
    },
    o: (field) => {
      const size = options.find((option) => option.startsWith('size='))
      if (isMemory && size) found.sizeMiB = field.with(size.slice(5)).parse(parseByteValueMiB)
      else if (!isBind) field.warn('ignored: mount options have no effect on a folder of the worker')
    },
  })
}

/** A path in the container, without the slash at its end. */
export function targetOf(path: string, item: Field): string {
  if (!CONTAINER_PATH.test(path))
    item.fail('an absolute path in the container, without "..", ":" or control characters')
  return path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')
}
