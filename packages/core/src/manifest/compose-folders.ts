import type { ComposeContext, FolderMount } from './compose-context.ts'
import { targetOf } from './compose-volumes.ts'
import { DEFAULT_VOLUME_MIB } from './defaults.ts'
import type { Field } from './field.ts'
import { hasRoom, placeFile } from './file-room.ts'
import { CONTAINER_PATH } from './patterns.ts'
import type { Service } from './service.ts'
import { grantBlob } from './wish.ts'

const MIB = 1024 * 1024
/** Bytes that an entry takes on a disk beside what is in it. */
const ENTRY_BYTES = 4096
const NOT_SENT = 'Mount it with :ro to send its files along, or use a named volume for what is written.'

/**
 * Decides what folders beside the file are, now that all of their mounts are known. One that no service
 * writes to is files of the manifest while there is room, else a volume that is always as the folder is. One
 * that a service writes to is one volume for all of them, which begins with the folder.
 */
export function settleFolders(context: ComposeContext, services: ReadonlySet<Service>): void {
  const mounts = context.folderMounts.filter(({ service }) => services.has(service))
  for (const group of groupsOf(mounts, ({ path }) => path)) {
    if (group.some(({ mount }) => !mount.readOnly)) copyOnce(group, context)
    else for (const alike of groupsOf(group, keyOf)) readOnly(alike, context)
  }
  warnOfOverlaps(mounts)
}

/** The volume that stands for a folder of the host: the same for the same folder. */
export function volumeFor(
  path: string,
  exclude: readonly string[],
  { hostFolders, volumes, declaredVolumes }: ComposeContext,
): string {
  const key = JSON.stringify([path, ...exclude])
  const known = hostFolders.get(key)
  if (known !== undefined) return known
  const stem = `host-${path.replace(/^[^a-zA-Z0-9]+/, '').replace(/[^a-zA-Z0-9._-]+/g, '-')}`
    .slice(0, 40)
    .replace(/[^a-zA-Z0-9]+$/, '')
  const taken = new Set([...hostFolders.values(), ...Object.keys(volumes), ...declaredVolumes.keys()])
  let name = stem
  for (let number = 2; taken.has(name); number++) name = `${stem}-${number}`
  hostFolders.set(key, name)
  return name
}

function copyOnce(group: FolderMount[], context: ComposeContext): void {
  const [first] = group
  if (!first) return
  const { path, exclude } = first
  const other = group.find((one) => keyOf(one) !== keyOf(first))
  other?.item.refuse(
    `${path} is mounted on line ${first.item.line} as well, and something else is left out of it there`,
    'A folder that is written to is one volume for all services: leave out the same everywhere.',
  )
  const written = group.find(({ mount }) => !mount.readOnly) ?? first
  const sizeMiB = Math.max(...group.map((one) => one.sizeMiB ?? 0)) || undefined
  const item = group.find((one) => one.sizeMiB !== undefined)?.item ?? written.item
  mountArchive(group, { item, least: DEFAULT_VOLUME_MIB, stated: sizeMiB, times: 2 }, context)
  written.item.warn(
    `${path} is copied once, into a volume of the lease: what is written stays there, and a change of the folder here changes nothing in it${
      exclude.length > 0 || sizeMiB !== undefined
        ? ''
        : ` (${DEFAULT_VOLUME_MIB} MiB, or twice its content; x-size says otherwise)`
    }`,
  )
}

function readOnly(group: FolderMount[], context: ComposeContext): void {
  const [first] = group
  if (!first) return
  const { found, item, path } = first
  const files = found.kind === 'folder' ? found.files : []
  const isHeld =
    found.kind === 'folder' &&
    hasRoom(
      group.flatMap(() => files),
      context,
    )
  // Engines split mounts at colons; an archive holds any name.
  const isNamed = files.every((file) => CONTAINER_PATH.test(`/${file.path}`))
  if (isHeld && (isNamed || !context.options.granted)) {
    for (const { service, mount } of group) {
      service.mounts = service.mounts.filter((other) => other !== mount)
      for (const file of files) {
        const placed = placeFile({ content: file.content }, item, context)
        service.files.push({
          ...placed,
          path: targetOf(`${mount.path}/${file.path}`, item),
          mode: file.mode & 0o777,
          secret: false,
        })
      }
    }
    return
  }
  if (!context.options.granted)
    item.refuse(`${path} is more than a manifest can hold`, 'Put it into the image, or fetch it at start.')
  const stated = Math.max(...group.map((one) => one.sizeMiB ?? 0)) || undefined
  mountArchive(group, { item, least: 1, stated, times: 1 }, context)
}

interface Room {
  item: Field
  /** MiB. */
  least: number
  stated: number | undefined
  /** How often its content fits in. */
  times: number
}

/** Makes a group one volume, which begins with the folder's archive. */
function mountArchive(group: FolderMount[], { item, least, stated, times }: Room, context: ComposeContext) {
  const [first] = group
  if (!first) return
  const { path, exclude } = first
  const name = volumeFor(path, exclude, context)
  const { blob, entries } = grantBlob({ kind: 'folder', path, exclude }, first.item, NOT_SENT, context)
  const content = Math.ceil((blob.bytes + entries * ENTRY_BYTES) / MIB)
  if (stated !== undefined && stated * MIB < blob.bytes)
    item.refuse(
      `the volume has ${stated} MiB, and ${path} has ${Math.ceil(blob.bytes / MIB)} MiB`,
      'Give it more with x-size, or leave something out with x-exclude.',
    )
  context.volumes[name] = {
    sizeMiB: stated ?? Math.max(least, content * times),
    class: 'default',
    from: blob,
  }
  for (const { mount } of group) mount.volume = name
}

/** A folder and one in it are one thing on the host, and two here: that counts where one is written to. */
function warnOfOverlaps(mounts: FolderMount[]): void {
  const written = new Set(mounts.flatMap(({ mount, path }) => (mount.readOnly ? [] : [path])))
  for (const { path, item } of mounts) {
    const outer = mounts.find((other) => isBelow(path, other.path))
    if (outer && (written.has(path) || written.has(outer.path)))
      item.warn(
        `${path} is a part of ${outer.path}, which is mounted as well: what is written in one is not seen in the other`,
      )
  }
}

function isBelow(path: string, folder: string): boolean {
  if (path === folder) return false
  const isAbove = /^\.{1,2}(?:\/\.\.)*$/.test(folder)
  return isAbove ? climbsOf(path) <= climbsOf(folder) : path.startsWith(`${folder}/`)
}

/** How many folders up a path begins. */
function climbsOf(path: string): number {
  return path.split('/').filter((part) => part === '..').length
}

function keyOf({ path, exclude }: FolderMount): string {
  return JSON.stringify([path, ...exclude])
}

function groupsOf(mounts: FolderMount[], key: (mount: FolderMount) => string): FolderMount[][] {
  const groups = new Map<string, FolderMount[]>()
  for (const mount of mounts) groups.set(key(mount), [...(groups.get(key(mount)) ?? []), mount])
  return [...groups.values()]
}
