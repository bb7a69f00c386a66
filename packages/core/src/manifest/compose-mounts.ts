import { parseByteValueMiB } from '../units.ts'
import { bindBeside, type Mount } from './compose-binds.ts'
import type { ComposeContext } from './compose-context.ts'
import { readMode } from './compose-files.ts'
import { deviceOf, targetOf, useVolume } from './compose-volumes.ts'
import { DEFAULT_TMPFS_MIB } from './defaults.ts'
import { each } from './every-problem.ts'
import type { Field } from './field.ts'
import type { Service } from './service.ts'

const NO_BIND = 'A worker has no files of yours: use a named volume, or put files beside the Compose file.'
const ONLY_BIND = 'It is for files and folders beside the Compose file: drop it, or mount one of those.'
const MODES = [
  'rw',
  'ro',
  'z',
  'Z',
  'nocopy',
  'cached',
  'delegated',
  'consistent',
  'rprivate',
  'private',
  'rslave',
  'slave',
]
const PLAIN: Mount = {
  from: '',
  to: '',
  readOnly: false,
  noCopy: false,
  exclude: [],
  sizeMiB: undefined,
  sealed: false,
}

/**
 * `volumes` of a service: named volumes and tmpfs; what lies beside the file comes along, other folders are
 * volumes.
 */
export function readComposeMounts(root: Field, service: Service, context: ComposeContext): void {
  if (root.isNull) return
  each(root.list(), (item) => {
    if (item.isMap) readLong(item, service, context)
    else readShort(item, service, context)
  })
}

function readShort(item: Field, service: Service, context: ComposeContext): void {
  const parts = partsOf(item.text())
  if (parts.length === 1) return mountVolume({ ...PLAIN, to: parts[0] ?? '' }, item, service, context)
  const [from = '', to = '', mode = 'rw'] = parts
  const modes = mode.split(',')
  if (parts.length > 3) item.fail('volume:/path or volume:/path:ro')
  if (modes.some((m) => !MODES.includes(m))) item.fail('rw or ro as the access mode')
  const mount = { ...PLAIN, from, to, readOnly: modes.includes('ro'), noCopy: modes.includes('nocopy') }
  if (/^[./~]|:/.test(from)) bindBeside(mount, item, service, context)
  else mountVolume(mount, item, service, context)
}

/** Split at colons, but for that of a drive: `c:/data:/data`. */
function partsOf(text: string): string[] {
  const [, drive, rest = text] = /^([a-zA-Z]:[\\/][^:]*):(\/.*)$/s.exec(text) ?? []
  return drive === undefined ? rest.split(':') : [drive, ...rest.split(':')]
}

function readLong(item: Field, service: Service, context: ComposeContext): void {
  const type = item.get('type')?.text() ?? 'volume'
  const mount: Mount = { ...PLAIN }
  let tmpfs: Omit<Service['tmpfs'][number], 'path'> = { sizeMiB: DEFAULT_TMPFS_MIB }
  const own = { volume: 'volume', tmpfs: 'tmpfs', bind: 'bind', image: 'image' }
  for (const [key, of] of Object.entries(own))
    if (of !== type) item.get(key)?.refuse(`a mount of type ${type} has no options of a ${of}`, 'Drop them.')
  item.fields(
    {
      type: () => {},
      source: (field) => void (mount.from = field.text()),
      target: (field) => void (mount.to = field.text()),
      read_only: (field) => void (mount.readOnly = field.boolean()),
      volume: (field) =>
        field.fields(
          { nocopy: (nocopy) => void (mount.noCopy = nocopy.boolean()) },
          {
            subpath:
              'A part of a volume is not offered as a mount; mount the whole, or declare another volume.',
          },
          { labels: 'labels have no effect' },
        ),
      tmpfs: (field) =>
        field.fields({
          size: (size) => void (tmpfs = { ...tmpfs, sizeMiB: sizeOf(size) }),
          mode: (mode) => void (tmpfs = { ...tmpfs, mode: readMode(mode, 0o1777) }),
        }),
      bind: (field) =>
        field.fields(
          {},
          {},
          {
            create_host_path: 'a folder that is not there is a volume',
            propagation: 'nothing is mounted on the host',
            recursive: 'nothing is mounted on the host',
            selinux: 'workers label what is mounted themselves',
          },
        ),
    },
    { image: 'Content of images is not mounted; copy it in the image that uses it.' },
    { consistency: 'it concerns Docker Desktop only' },
  )
  if (mount.to === '') item.fail('a target')
  if (type === 'bind' && mount.from === '') item.fail('a source')
  readOwnKeys(item, type, mount)
  if (type === 'tmpfs') service.tmpfs.push({ path: targetOf(mount.to, item), ...tmpfs })
  else if (type === 'volume') mountVolume(mount, item, service, context)
  else if (type === 'bind') bindBeside(mount, item, service, context)
  else item.refuse(`a mount of type ${type.slice(0, 20)} can't be honoured`, NO_BIND)
}

/** `x-exclude`, `x-size` and `x-sealed` of what lies beside the file. */
function readOwnKeys(item: Field, type: string, mount: Mount): void {
  for (const key of ['x-exclude', 'x-size', 'x-sealed'])
    if (type !== 'bind') item.get(key)?.refuse(`${key} of a mount of type ${type} says nothing`, ONLY_BIND)
  mount.exclude =
    item
      .get('x-exclude')
      ?.list()
      .map((pattern) => pattern.text()) ?? []
  const size = item.get('x-size')
  if (size) mount.sizeMiB = sizeOf(size)
  mount.sealed = item.get('x-sealed')?.boolean() === true
}

function mountVolume(mount: Mount, item: Field, service: Service, context: ComposeContext): void {
  const { from, to, readOnly, noCopy } = mount
  const device = from === '' ? undefined : deviceOf(from, context)
  if (device) {
    context.takenVolumes.add(from)
    return bindBeside({ ...mount, from: device.text() }, item, service, context)
  }
  const path = targetOf(to, item)
  const volume = from || `anonymous-${item.path[1]}-${item.path.at(-1)}`
  useVolume(volume, item, context, from !== '')
  service.mounts.push({ volume, path, readOnly, ...(noCopy && { noCopy: true as const }) })
}

function sizeOf(field: Field): number {
  return Math.max(1, field.parse(parseByteValueMiB))
}

/** `tmpfs`: `/path`, or `/path:size=64m,mode=1777,uid=1000,gid=1000`. */
export function readTmpfs(root: Field, service: Service): void {
  for (const item of root.isList ? root.list() : [root]) {
    const [path = '', ...rest] = item.text().split(':')
    const mount: Service['tmpfs'][number] = { path: targetOf(path, item), sizeMiB: DEFAULT_TMPFS_MIB }
    for (const option of rest.join(':').split(',')) readOption(option, mount, item)
    service.tmpfs.push(mount)
  }
}

function readOption(option: string, mount: Service['tmpfs'][number], item: Field): void {
  const equals = option.indexOf('=')
  const name = equals < 0 ? option : option.slice(0, equals)
  const value = item.with(equals < 0 ? '' : option.slice(equals + 1))
  if (name === 'size') mount.sizeMiB = sizeOf(value)
  else if (name === 'mode') mount.mode = readMode(value, 0o1777)
  else if (name === 'uid') mount.uid = value.integer(0, 0xfffffffe)
  else if (name === 'gid') mount.gid = value.integer(0, 0xfffffffe)
  else if (name === 'exec')
    item.warn('ignored: programs in memory are not run on every worker; put them into a volume')
  else if (!['', 'rw', 'noexec', 'nosuid', 'nodev'].includes(name))
    item.fail('size, mode, uid or gid as options')
}
