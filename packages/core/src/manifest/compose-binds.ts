import { readBeside } from './beside.ts'
import type { ComposeContext } from './compose-context.ts'
import { volumeFor } from './compose-folders.ts'
import { sealFiles } from './compose-sealed.ts'
import { targetOf, useVolume } from './compose-volumes.ts'
import type { Field } from './field.ts'
import { placeFile } from './file-room.ts'
import { pathFrom } from './project-path.ts'
import type { Service } from './service.ts'

const NO_ENGINE =
  "The worker's engine is not offered to workloads: drop the service that drives it. The gateway routes to services, and an update renews their images."
const NO_SOCKET =
  'A lease shares no sockets with its host; for quotes of its own a service says `x-agent-socket: true`.'
const NO_BIND = 'A worker has no files of yours: use a named volume, or put files beside the Compose file.'
const NO_SYSTEM = "A lease sees nothing of its host's system; drop the mount."
const NO_HOME = 'Copy what is needed beside the Compose file and mount that, or use a named volume.'
const NO_KEYS = 'A worker has no logins of yours: use secrets, or x-sealed on a file beside the Compose file.'
const CLOCK = /^\/(?:etc\/(?:localtime|timezone)|usr\/share\/zoneinfo(?:\/.*)?)$/s
const SYSTEM =
  /^\/(?:$|(?:dev|proc|sys|run|var\/run|boot|lib|lib64|usr|bin|sbin|etc|var\/lib\/(?:docker|containers|kubelet))(?:\/|$))/
const LOGS = /^\/var\/log(?:\/|$)/
/** A home as a whole; folders in it are folders like others. */
const HOME = /^(?:~|\/root|\/(?:home|Users)(?:\/[^/]*)?)\/?$/
const KEYS =
  /^(?:~|\/root|\/(?:home|Users)\/[^/]+)\/\.(?:ssh|aws|azure|docker|gnupg|kube|netrc|git-credentials|config\/gcloud)(?:\/|$)/
/** How files are called that somebody has to write before they are mounted. */
const FILE_LIKE =
  /\.(?:ya?ml|json|toml|ini|conf|cfg|cnf|properties|env|txt|xml|html?|sql|sh|py|js|ts|php|rb|lua|crt|cer|pem|key|pub|htpasswd|template|tmpl|tpl|rules|acl|db|sqlite3?)$/i

/** One mount as a service states it. */
export interface Mount {
  from: string
  to: string
  readOnly: boolean
  noCopy: boolean
  /** Patterns of what isn't taken along, beside those of the folder's own list. */
  exclude: string[]
  /** Of the volume that it becomes. */
  sizeMiB: number | undefined
  /** Its content comes sealed. */
  sealed: boolean
}

/**
 * A path of the host: what lies beside the file comes along, a folder that isn't there is a volume, as
 * Docker makes one.
 */
export function bindBeside(mount: Mount, item: Field, service: Service, context: ComposeContext): void {
  const from = relativeTo(mount.from, context.options.folder)
  const { readOnly } = mount
  const to = targetOf(mount.to, item)
  if (CLOCK.test(from)) return item.warn('ignored: containers have their own time zone; set the variable TZ')
  checkHost(from, readOnly, item)
  const inside = /^(?:[/~]|[a-zA-Z]:[\\/])/.test(from) ? undefined : pathFrom(item, from)
  const found = inside === undefined ? undefined : readBeside(item.with(from), context.options, mount.exclude)
  if (inside === undefined || !found) return bindNothing({ ...mount, from }, inside, item, service, context)
  if (mount.sealed) return sealFiles(found, { path: inside, to }, item, service, context)
  if (found.kind === 'file' || found.kind === 'large-file') {
    if (!readOnly)
      item.warn(
        `${from} comes along as it is now: what the container writes to it stays there, until an update makes the container anew`,
      )
    const content = found.kind === 'file' ? { content: found.content } : {}
    const placed = placeFile({ ...content, path: inside }, item, context)
    service.files.push({
      ...placed,
      path: to,
      mode: found.mode & 0o777,
      secret: false,
      ...(!readOnly && { writable: true as const }),
    })
    return
  }
  for (const name of found.leftOut ?? []) item.warn(`${from}/${name} is left out: ${reasonFor(name)}`)
  const [stray] = found.kind === 'tree' ? (found.stray ?? []) : []
  if (stray !== undefined)
    item.warn(
      `${from}/${stray} is a link that leads out of the folder: it stays as it is, and leads to what the container has there`,
    )
  if (found.kind === 'folder' && found.files.length === 0)
    return bindNothing({ ...mount, from }, inside, item, service, context)
  const placeholder = { volume: '', path: to, readOnly, noCopy: true as const }
  service.mounts.push(placeholder)
  context.folderMounts.push({
    service,
    mount: placeholder,
    path: inside,
    found,
    exclude: mount.exclude,
    sizeMiB: mount.sizeMiB,
    item,
  })
}

/** A path that is written in full, `$PWD/data`, as one beside the file. */
function relativeTo(path: string, folder: string | undefined): string {
  if (folder === undefined || !(path === folder || path.startsWith(`${folder}/`))) return path
  return `./${path.slice(folder.length + 1)}`
}

function reasonFor(name: string): string {
  return /(?:^|\/)\.git$/.test(name)
    ? 'it may hold logins; write !.git into .cloisterignore to take it along'
    : 'it is neither a file, a folder nor a link'
}

/** Refuses what only the host has. */
function checkHost(from: string, readOnly: boolean, item: Field): void {
  const wrong = `the host path ${from} can't be mounted`
  if (/\.sock$/.test(from))
    item.refuse(wrong, /(?:docker|podman|containerd|crio)/.test(from) ? NO_ENGINE : NO_SOCKET)
  if (SYSTEM.test(from) || (LOGS.test(from) && (readOnly || /^\/var\/log\/?$/.test(from))))
    item.refuse(wrong, NO_SYSTEM)
  if (HOME.test(from)) item.refuse(`the home ${from} can't be mounted`, NO_HOME)
  if (KEYS.test(from)) item.refuse(wrong, NO_KEYS)
}

/** What isn't there, or is empty: a volume, unless it is called as a file is. */
function bindNothing(
  { from, to, readOnly, sizeMiB, sealed }: Mount,
  inside: string | undefined,
  item: Field,
  service: Service,
  context: ComposeContext,
): void {
  if (FILE_LIKE.test(from) || sealed)
    item.refuse(
      `the file ${from} is not there`,
      inside === undefined
        ? NO_BIND
        : 'Write it beside the Compose file; Docker would make a folder of that name.',
    )
  const volume = volumeFor(inside ?? from, [], context)
  item.warn(`${from} is a fresh volume of the lease here, not a folder of the host`)
  useVolume(volume, item, context, false, sizeMiB)
  service.mounts.push({ volume, path: targetOf(to, item), readOnly })
}
