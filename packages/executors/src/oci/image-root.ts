import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  type Stats,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import type { TarEntry } from '@cloister/images'
import { writeContent } from './write-content.ts'

const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'
/** Links followed on the way to one entry, as in Linux (path_resolution(7)). */
const MAX_LINKS = 40
/** Bytes of a path inside an image. The kernel takes 4,096, of which the folders above need some. */
const MAX_PATH_BYTES = 3_000
const IMPLIED_MODE = 0o755
/** Bytes of extended headers and long names in all layers: a thousand for each of a million entries. */
const MAX_EXTENDED_BYTES = 1024 ** 3

/** What an image may unpack to. */
export interface UnpackLimits {
  bytes: number
  entries: number
}

/** An image that can't be unpacked as it is meant. */
export class LayerError extends Error {}

/**
 * The folder that an image's layers are unpacked into, one over the other (OCI image specification 1.1,
 * "Applying Changesets").
 *
 * Nothing outside the folder is ever written, linked to or removed. Every step of a path is looked at before
 * it is taken; a symbolic link on the way is followed as a process confined to the folder would follow it
 * (`/` is the folder, `..` never leads above), and the last step is never followed. That holds because
 * nobody else writes below the folder while it is unpacked. Paths hold one character for each byte, so that
 * names that aren't UTF-8 stay what they are.
 */
export class ImageRoot {
  private readonly folder: string
  private readonly isPrivileged = process.getuid?.() === 0
  private readonly left: UnpackLimits
  /** Inodes that the layer at work brought: whiteouts hide what is below a layer, never what is of it. */
  private brought = new Set<number>()
  /** What the layer at work has hidden: to hide it again changes nothing, and is not done again. */
  private hidden = new Set<string>()
  private extendedLeft = MAX_EXTENDED_BYTES
  /** Folders' times, which are set last, since what comes into a folder changes them. */
  private readonly times = new Map<string, number>()
  private lastParent: { steps: string; path: string } | undefined

  /** `folder` is there and empty. */
  constructor(folder: string, limits: UnpackLimits) {
    this.folder = Buffer.from(folder).toString('latin1')
    this.left = { ...limits }
  }

  /** What comes next is of another layer. */
  beginLayer(): void {
    this.brought = new Set()
    this.hidden = new Set()
  }

  /**
   * Counts what describes entries against what the image may unpack to. Throws a `LayerError` where it is
   * too much.
   */
  readonly extended = (bytes: number): void => {
    this.left.bytes -= bytes
    this.extendedLeft -= bytes
    if (this.left.bytes < 0 || this.extendedLeft < 0) throw new LayerError('it unpacks to too much')
  }

  /**
   * Applies one entry. Throws a `LayerError` where it leads out of the image, makes no sense or is too much.
   */
  async apply(entry: TarEntry): Promise<void> {
    this.left.entries--
    this.left.bytes -= entry.size + entry.path.length + entry.linkPath.length
    if (this.left.bytes < 0 || this.left.entries < 0) throw new LayerError('it unpacks to too much')
    const steps = stepsOf(entry.path)
    const name = steps.pop()
    if (name === undefined) {
      if (entry.type === 'folder') this.dress(this.folder, entry)
      return
    }
    if (name.startsWith(WHITEOUT)) return this.hide(steps, name)
    // Nobody in a container gets a device of an image's; its own are made by the engine.
    if (entry.type === 'device' || entry.type === 'fifo') return
    const path = `${this.makeParent(steps)}/${name}`
    const existing = look(path)
    if (existing && !(existing.isDirectory() && entry.type === 'folder')) {
      this.lastParent = undefined
      this.remove(path, existing)
    }
    if (entry.type === 'file') await this.writeFile(path, entry)
    else if (entry.type === 'folder') {
      if (!existing?.isDirectory()) mkdirSync(bytesOf(path), IMPLIED_MODE)
      this.dress(path, entry)
    } else if (entry.type === 'link') this.writeLink(path, entry)
    else this.writeHardLink(path, entry)
    this.brought.add(lstatSync(bytesOf(path)).ino)
  }

  /** Gives folders their times. */
  finish(): void {
    for (const [path, modified] of this.times)
      if (look(path)?.isDirectory()) lutimesSync(bytesOf(path), modified, modified)
  }

  private async writeFile(path: string, entry: TarEntry): Promise<void> {
    const file = openSync(
      bytesOf(path),
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    )
    try {
      await writeContent(file, entry)
      // Rights come after the owner, whose change takes setuid away.
      if (this.isPrivileged) fchownSync(file, idOf(entry.uid), idOf(entry.gid))
      fchmodSync(file, entry.mode)
      futimesSync(file, entry.modified, entry.modified)
    } finally {
      closeSync(file)
    }
  }

  private writeLink(path: string, { linkPath, uid, gid, modified }: TarEntry): void {
    if (linkPath === '' || linkPath.includes('\0') || linkPath.length > 4_095)
      throw new LayerError('a symbolic link in it has an impossible target')
    symlinkSync(bytesOf(linkPath), bytesOf(path))
    if (this.isPrivileged) lchownSync(bytesOf(path), idOf(uid), idOf(gid))
    lutimesSync(bytesOf(path), modified, modified)
  }

  private writeHardLink(path: string, { linkPath }: TarEntry): void {
    const steps = stepsOf(linkPath)
    const name = steps.pop()
    const parent = this.findParent(steps, false)
    const target = `${parent}/${name}`
    const found = parent === undefined || name === undefined ? undefined : look(target)
    if (!found || found.isDirectory())
      throw new LayerError(`the hard link ${shown(linkPath)} leads to no file`)
    // link(2) on Linux does not follow a symbolic link: it gets another name itself.
    linkSync(bytesOf(target), bytesOf(path))
  }

  private dress(path: string, { mode, uid, gid, modified }: TarEntry): void {
    if (this.isPrivileged) {
      lchownSync(bytesOf(path), idOf(uid), idOf(gid))
      chmodSync(bytesOf(path), mode)
      // Without root's rights, a folder that its owner may not enter could neither be filled nor removed.
    } else chmodSync(bytesOf(path), mode | 0o700)
    this.times.set(path, modified)
  }

  private hide(steps: string[], name: string): void {
    const hidden = name.slice(WHITEOUT.length)
    if (name !== OPAQUE && hidden.startsWith(WHITEOUT)) return // AUFS's own.
    if (name !== OPAQUE && (hidden === '' || hidden === '.' || hidden === '..'))
      throw new LayerError(`the whiteout ${shown(name)} names nothing`)
    const parent = this.findParent(steps, false)
    if (parent === undefined || this.hidden.has(`${parent}/${name}`)) return
    this.hidden.add(`${parent}/${name}`)
    this.lastParent = undefined
    for (const victim of name === OPAQUE ? readdirSync(bytesOf(parent), { encoding: 'latin1' }) : [hidden]) {
      const path = `${parent}/${victim}`
      const existing = look(path)
      if (existing) this.remove(path, existing, this.brought)
    }
  }

  /**
   * Removes what is there, links and not what they lead to, but for inodes to `keep` and the folders they
   * are in.
   */
  private remove(path: string, { ino }: Stats, keep?: ReadonlySet<number>): void {
    const name = bytesOf(path)
    if (!lstatSync(name).isDirectory()) {
      if (!keep?.has(ino)) unlinkSync(name)
      return
    }
    for (const child of readdirSync(name, { encoding: 'latin1' })) {
      const inside = `${path}/${child}`
      this.remove(inside, lstatSync(bytesOf(inside)), keep)
    }
    if (!keep || (!keep.has(ino) && readdirSync(name).length === 0)) rmdirSync(name)
  }

  /** The real folder that steps lead to, made where it is missing. */
  private makeParent(steps: string[]): string {
    const joined = steps.join('/')
    if (this.lastParent?.steps !== joined)
      this.lastParent = { steps: joined, path: this.findParent(steps, true) }
    return this.lastParent.path
  }

  private findParent(steps: string[], make: true): string
  private findParent(steps: string[], make: boolean): string | undefined
  private findParent(steps: string[], make: boolean): string | undefined {
    const joined = steps.join('/')
    const pending = [...steps]
    const done: string[] = []
    for (let links = 0; pending.length > 0; ) {
      const step = pending.shift() ?? ''
      if (step === '' || step === '.') continue
      if (step === '..') {
        done.pop()
        continue
      }
      const path = [this.folder, ...done, step].join('/')
      const stat = look(path)
      if (stat?.isSymbolicLink()) {
        if (++links > MAX_LINKS) throw new LayerError(`${shown(joined)} goes through too many links`)
        const target = readlinkSync(bytesOf(path), { encoding: 'latin1' })
        if (target.startsWith('/')) done.length = 0
        pending.unshift(...target.split('/'))
        continue
      }
      if (stat && !stat.isDirectory()) throw new LayerError(`${shown(joined)} goes through a file`)
      if (done.reduce((length, one) => length + one.length + 1, step.length) > MAX_PATH_BYTES)
        throw new LayerError('a path in it is too long')
      if (!stat) {
        if (!make) return undefined
        this.left.entries--
        mkdirSync(bytesOf(path), IMPLIED_MODE)
        this.brought.add(lstatSync(bytesOf(path)).ino)
      }
      done.push(step)
    }
    return [this.folder, ...done].join('/')
  }
}

/** The steps of a path in an archive, `.` and `..` taken out. Throws where it leads above the image. */
function stepsOf(path: string): string[] {
  if (path.length > MAX_PATH_BYTES) throw new LayerError('a path in it is too long')
  if (path.includes('\0')) throw new LayerError('a path in it has a zero byte')
  const steps: string[] = []
  for (const step of path.split('/')) {
    if (step === '' || step === '.') continue
    if (step !== '..') steps.push(step)
    else if (steps.pop() === undefined) throw new LayerError(`${shown(path)} leads out of the image`)
    if (step.length > 255) throw new LayerError('a name in it is too long')
  }
  return steps
}

function look(path: string): Stats | undefined {
  return lstatSync(bytesOf(path), { throwIfNoEntry: false })
}

/** The kernel's overflow id stands for ids that no file can have. */
function idOf(id: number): number {
  return id < 2 ** 32 - 1 ? id : 65_534
}

function bytesOf(path: string): Buffer {
  return Buffer.from(path, 'latin1')
}

function shown(path: string): string {
  return JSON.stringify(Buffer.from(path.slice(0, 120), 'latin1').toString('utf8'))
}
