import { parseByteValueMiB } from '../units.ts'
import { type ComposeContext, useVolume } from './compose.ts'
import { DEFAULT_TMPFS_MIB } from './defaults.ts'
import { addSealed } from './extensions.ts'
import type { Field } from './field.ts'
import type { Service } from './service.ts'

const NO_SOCKET = "The worker's engine is not offered to workloads; for quotes of its own a service says `x-agent-socket: true`."
const NO_BIND = 'A worker has no files of yours: use a named volume, or configs/secrets for files.'

/** `volumes` of a service: named volumes and tmpfs; paths of the host are refused. */
export function readComposeMounts(root: Field, service: Service, context: ComposeContext): void {
  for (const [index, item] of root.list().entries()) {
    if (item.isMap) readLong(item, service, context)
    else readShort(item, index, service, context)
  }
}

function readShort(item: Field, index: number, service: Service, context: ComposeContext): void {
  const parts = item.text().split(':')
  if (parts.length === 1 && parts[0]?.startsWith('/')) {
    const volume = `anonymous-${item.path[1]}-${index}`
    return mount(volume, parts[0], false, item, service, context)
  }
  const [from = '', to = '', mode = 'rw'] = parts
  if (/^[./~]/.test(from) || from.includes('/')) item.refuse(`the host path ${from} can't be mounted`, from.endsWith('.sock') ? NO_SOCKET : NO_BIND)
  if (parts.length > 3 || !to.startsWith('/')) item.fail('volume:/path or volume:/path:ro')
  const modes = mode.split(',')
  if (modes.some((m) => !['rw', 'ro', 'z', 'Z', 'nocopy', 'cached', 'delegated', 'consistent'].includes(m))) item.fail('rw or ro as the access mode')
  mount(from, to, modes.includes('ro'), item, service, context)
}

function readLong(item: Field, service: Service, context: ComposeContext): void {
  const type = item.get('type')?.text() ?? 'volume'
  const target = item.get('target')?.text() ?? item.fail('a target')
  const source = item.get('source')?.text() ?? item.get('src')?.text() ?? ''
  const readOnly = item.get('read_only')?.boolean() ?? false
  if (type === 'tmpfs') {
    const size = item.get('tmpfs')?.get('size')
    service.tmpfs.push({ path: target, sizeMiB: size ? Math.max(1, size.parse(parseByteValueMiB)) : DEFAULT_TMPFS_MIB })
  } else if (type === 'volume') mount(source || `anonymous-${item.path[1]}-${item.path.at(-1)}`, target, readOnly, item, service, context)
  else item.refuse(`a mount of type ${type.slice(0, 20)} can't be honoured`, NO_BIND)
}

function mount(volume: string, path: string, readOnly: boolean, item: Field, service: Service, context: ComposeContext): void {
  useVolume(volume, item, context)
  service.mounts.push({ volume, path: path.length > 1 ? path.replace(/\/+$/, '') : path, readOnly })
}

/** `tmpfs`: `/path` or `/path:size=64m`. */
export function readTmpfs(root: Field, service: Service): void {
  for (const item of root.isList ? root.list() : [root]) {
    const [path = '', options = ''] = item.text().split(':')
    const size = /(?:^|,)size=([^,]+)/.exec(options)?.[1]
    if (!path.startsWith('/')) item.fail('an absolute path')
    service.tmpfs.push({ path, sizeMiB: size ? Math.max(1, item.with(size).parse(parseByteValueMiB)) : DEFAULT_TMPFS_MIB })
  }
}

/** `configs` of a service: files in the container. */
export function readComposeConfigs(root: Field, service: Service, { configs }: ComposeContext): void {
  for (const item of root.list()) addFile(item, service, configs, false)
}

/** `secrets` of a service: files in /run/secrets unless they say where. External ones come sealed, beside the manifest. */
export function readComposeSecrets(root: Field, service: Service, { secrets, sealedSecrets }: ComposeContext): void {
  for (const item of root.list()) {
    const { source, path } = placeOf(item, true)
    if (sealedSecrets.has(source)) addSealed(item, `${source}:${path}`, service)
    else addFile(item, service, secrets, true)
  }
}

function addFile(item: Field, service: Service, contents: Map<string, Uint8Array>, secret: boolean): void {
  const { source, path } = placeOf(item, secret)
  const mode = item.isMap ? item.get('mode') : undefined
  const content = contents.get(source)
  if (!content) item.refuse(`${source} is not among the file's ${secret ? 'secrets' : 'configs'}`, 'Declare it at the top level.')
  service.files.push({ path, content: Buffer.from(content ?? '').toString('base64'), mode: mode ? readMode(mode) : 0o444, secret })
}

/** What a `configs` or `secrets` entry takes, and where to. */
function placeOf(item: Field, secret: boolean): { source: string; path: string } {
  const source = item.isMap ? (item.get('source')?.text() ?? item.fail('a source')) : item.text()
  const target = (item.isMap ? item.get('target')?.text() : undefined) ?? source
  return { source, path: target.startsWith('/') ? target : secret ? `/run/secrets/${target}` : `/${target}` }
}

function readMode(field: Field): number {
  if (typeof field.value === 'number') return field.integer(0, 0o777)
  const text = field.matching(/^0?o?[0-7]{3,4}$/, 'a mode such as 0440').replace('o', '')
  return Number.parseInt(text, 8) & 0o777
}
