import { toBase64 } from '../bytes.ts'
import { parseByteValueMiB } from '../units.ts'
import { MAX_BESIDE_BYTES, pathOf, readBeside } from './beside.ts'
import type { ComposeContext } from './compose-context.ts'
import { readMode } from './compose-files.ts'
import { useVolume } from './compose-volumes.ts'
import { DEFAULT_TMPFS_MIB } from './defaults.ts'
import { each } from './every-problem.ts'
import type { Field } from './field.ts'
import { CONTAINER_PATH } from './patterns.ts'
import type { Service } from './service.ts'

const NO_SOCKET =
  "The worker's engine is not offered to workloads; for quotes of its own a service says `x-agent-socket: true`."
const NO_BIND = 'A worker has no files of yours: use a named volume, or put files beside the Compose file.'
const NO_SYSTEM = "A lease sees nothing of its host's system; drop the mount."
const MODES = ['rw', 'ro', 'z', 'Z', 'nocopy', 'cached', 'delegated', 'consistent', 'rprivate', 'private']
const CLOCK = /^\/(?:etc\/(?:localtime|timezone)|usr\/share\/zoneinfo(?:\/.*)?)$/s
const SYSTEM =
  /^\/(?:$|(?:dev|proc|sys|run|var\/run|boot|lib|lib64|usr|bin|sbin|etc|var\/lib\/(?:docker|containers|kubelet)|var\/log)(?:\/|$))/
/** How files are called that somebody has to write before they are mounted. */
const FILE_LIKE =
  /\.(?:ya?ml|json|toml|ini|conf|cfg|cnf|properties|env|txt|xml|html?|sql|sh|py|js|ts|php|rb|lua|crt|cer|pem|key|pub|htpasswd|template|tmpl|tpl|rules|acl|db|sqlite3?)$/i

interface Mount {
  from: string
  to: string
  readOnly: boolean
  noCopy: boolean
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
  const parts = item.text().split(':')
  if (parts.length === 1)
    return mountVolume(
      { from: '', to: parts[0] ?? '', readOnly: false, noCopy: false },
      item,
      service,
      context,
    )
  const [from = '', to = '', mode = 'rw'] = parts
  const modes = mode.split(',')
  if (parts.length > 3) item.fail('volume:/path or volume:/path:ro')
  if (modes.some((m) => !MODES.includes(m))) item.fail('rw or ro as the access mode')
  const mount = { from, to, readOnly: modes.includes('ro'), noCopy: modes.includes('nocopy') }
  if (/^[./~]/.test(from)) bind(mount, item, service, context)
  else mountVolume(mount, item, service, context)
}

function readLong(item: Field, service: Service, context: ComposeContext): void {
  const type = item.get('type')?.text() ?? 'volume'
  const mount: Mount = { from: '', to: '', readOnly: false, noCopy: false }
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
  if (type === 'tmpfs') service.tmpfs.push({ path: targetOf(mount.to, item), ...tmpfs })
  else if (type === 'volume') mountVolume(mount, item, service, context)
  else if (type === 'bind') bind(mount, item, service, context)
  else item.refuse(`a mount of type ${type.slice(0, 20)} can't be honoured`, NO_BIND)
}

function targetOf(path: string, item: Field): string {
  if (!CONTAINER_PATH.test(path))
    item.fail('an absolute path in the container, without "..", ":" or control characters')
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}

function mountVolume(
  { from, to, readOnly, noCopy }: Mount,
  item: Field,
  service: Service,
  context: ComposeContext,
): void {
  const path = targetOf(to, item)
  const volume = from || `anonymous-${item.path[1]}-${item.path.at(-1)}`
  useVolume(volume, item, context, from !== '')
  service.mounts.push({ volume, path, readOnly, ...(noCopy && { noCopy: true as const }) })
}

/**
 * A path of the host: what lies beside the file comes along as files, a folder that isn't there is a volume,
 * as Docker makes one.
 */
function bind(mount: Mount, item: Field, service: Service, context: ComposeContext): void {
  const { from, readOnly } = mount
  const to = targetOf(mount.to, item)
  if (/\.sock$/.test(from)) item.refuse(`the host path ${from} can't be mounted`, NO_SOCKET)
  if (CLOCK.test(from)) return item.warn('ignored: containers have their own time zone; set the variable TZ')
  if (SYSTEM.test(from)) item.refuse(`the host path ${from} can't be mounted`, NO_SYSTEM)
  const inside = /^[/~]/.test(from) ? undefined : pathOf(item, from)
  const found = inside === undefined ? undefined : readBeside(item.with(from), context.options)
  if (found?.kind === 'file') {
    if (!readOnly) item.warn(`${from} comes along as it is now, and is read-only in the container`)
    return addFiles([{ ...found, path: to }], item, service)
  }
  if (found?.kind === 'folder' && found.files.length > 0) {
    if (!readOnly)
      item.refuse(
        `${from} has files, and is mounted to be written`,
        'Mount it with :ro to send its files along, or use a named volume for what is written.',
      )
    return addFiles(
      found.files.map((file) => ({ ...file, path: targetOf(`${to}/${file.path}`, item) })),
      item,
      service,
    )
  }
  if (!found && FILE_LIKE.test(from))
    item.refuse(
      `the file ${from} is not there`,
      inside === undefined
        ? NO_BIND
        : 'Write it beside the Compose file; Docker would make a folder of that name.',
    )
  const volume = volumeFor(inside ?? from, context)
  item.warn(`${from} is a fresh volume of the lease here, not a folder of the host`)
  useVolume(volume, item, context, false)
  service.mounts.push({ volume, path: to, readOnly })
}

function addFiles(
  files: { path: string; content: Uint8Array; mode: number }[],
  item: Field,
  service: Service,
): void {
  const bytes = files.reduce((sum, file) => sum + file.content.length, 0)
  if (bytes > MAX_BESIDE_BYTES)
    item.refuse(
      `it has ${bytes} bytes, and a manifest holds ${MAX_BESIDE_BYTES}`,
      'Put it into the image, or fetch it at start.',
    )
  for (const { path, content, mode } of files)
    service.files.push({
      path,
      content: toBase64(content),
      mode: mode & 0o777,
      secret: false,
    })
}

/** The volume that stands for a folder of the host: the same for the same folder. */
function volumeFor(path: string, { hostFolders, volumes }: ComposeContext): string {
  const known = hostFolders.get(path)
  if (known !== undefined) return known
  const stem = `host-${path.replace(/^[^a-zA-Z0-9]+/, '').replace(/[^a-zA-Z0-9._-]+/g, '-')}`
    .slice(0, 40)
    .replace(/[^a-zA-Z0-9]+$/, '')
  let name = stem
  for (let number = 2; volumes[name] || [...hostFolders.values()].includes(name); number++)
    name = `${stem}-${number}`
  hostFolders.set(path, name)
  return name
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
