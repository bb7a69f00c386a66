import type { Owner } from '../volumes/volume-archive.ts'
import { ANYTHING, CALL, FAILED, OPEN, Order, type Place } from './order.ts'

const AT_FDCWD = -100
const AT_SYMLINK_NOFOLLOW = 0x100
const STATX_BASIC_STATS = 0x7ff
const PROT_READ_WRITE = 3
const MAP_PRIVATE_ANONYMOUS_FIXED = 0x32
/** Where the starter reads to, for all orders of one session: nothing of its own is there. */
const SCRATCH = 0x1000_0000_0000n
export const SCRATCH_BYTES = 1024 * 1024
/** Bytes of `struct statx`. */
export const STATX_BYTES = 256

/**
 * Orders about the files of a volume. Paths and names hold one character for each byte. What is asked is
 * answered on standard output: each result as eight bytes (little-endian; below 0 an error number), and what
 * was read behind it.
 */
export class VolumeOrder extends Order {
  /** Makes a folder, or leaves the one that is there. */
  folder(path: string): this {
    return this.step({ call: CALL.mkdir, args: [this.path(path), 0o700], least: ANYTHING })
  }

  /** Makes an empty file in place of whatever is there but a folder. */
  file(path: string): this {
    const flags = OPEN.writeOnly | OPEN.create | OPEN.truncate | OPEN.noFollow
    const file = this.slot()
    this.gone(path)
    const code = FAILED.file
    this.step({ call: CALL.open, args: [this.path(path), flags, 0o600], store: file, code })
    return this.step({ call: CALL.close, load: file, args: [], code })
  }

  /** Writes bytes to the end of a file. */
  append(path: string, bytes: Buffer): this {
    const file = this.slot()
    const code = FAILED.file
    const args = [this.path(path), OPEN.writeOnly | OPEN.append | OPEN.noFollow]
    this.step({ call: CALL.open, args, store: file, code })
    const piece = [0, this.data(bytes), bytes.length]
    this.step({ call: CALL.write, load: file, args: piece, least: BigInt(bytes.length), code })
    return this.step({ call: CALL.close, load: file, args: [], code })
  }

  hardLink(path: string, target: string): this {
    this.gone(path)
    return this.step({ call: CALL.link, args: [this.path(target), this.path(path)], code: FAILED.file })
  }

  link(path: string, target: string): this {
    this.gone(path)
    return this.step({ call: CALL.symlink, args: [this.path(target), this.path(path)], code: FAILED.file })
  }

  /** Gives a file, folder or link its owner, its mode (no link has one) and its time, Unix seconds. */
  dress(path: string, owner: Owner, mode: number | undefined, modified: number | undefined): this {
    const code = FAILED.file
    const place = this.path(path)
    this.step({ call: CALL.lchown, args: [place, owner.uid, owner.gid], code })
    if (mode !== undefined) this.step({ call: CALL.chmod, args: [place, mode], code })
    if (modified === undefined) return this
    const times = Buffer.alloc(32)
    for (const at of [0, 16]) times.writeBigInt64LE(BigInt(Math.max(0, Math.floor(modified))), at)
    const args = [AT_FDCWD, place, this.data(times), AT_SYMLINK_NOFOLLOW]
    return this.step({ call: CALL.utimensat, args, least: ANYTHING })
  }

  /** Says that everything before was done. */
  done(): this {
    return this.answer(this.slot())
  }

  /** Has memory for what is asked from here on; once in a session. */
  scratch(): this {
    const args = [SCRATCH, SCRATCH_BYTES, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_FIXED, -1, 0]
    return this.step({ call: CALL.mmap, args })
  }

  /** Opens a folder to list it. Answered with its number. */
  openFolder(path: string): this {
    return this.opened(path, OPEN.folder)
  }

  /** Opens a file to read it; no link, and nothing is waited for. Answered with its number. */
  openFile(path: string): this {
    return this.opened(path, OPEN.nonBlocking)
  }

  /** Answered with some of an open folder's entries (getdents64(2)); with none at its end. */
  entries(file: number): this {
    return this.read(CALL.getdents, [file])
  }

  /** Answered with where a link leads to. */
  readLink(path: string): this {
    return this.read(CALL.readlink, [this.path(path)])
  }

  /** Answered with at most so many bytes of an open file. */
  readAt(file: number, offset: number, most: number): this {
    const length = this.argument(2, 2)
    const args = [file, SCRATCH, most, offset]
    return this.step({ call: CALL.pread, args, store: length, least: ANYTHING }).content(length)
  }

  /** Answered with the head of a file: its number in the order's own table, then at most so many bytes. */
  readWhole(path: string, most: number): this {
    const file = this.slot()
    const args = [this.path(path), OPEN.readOnly | OPEN.noFollow | OPEN.nonBlocking]
    this.step({ call: CALL.open, args, store: file, least: ANYTHING }).answer(file)
    const length = this.argument(2, 2)
    const rest = [0, SCRATCH, most, 0]
    this.step({ call: CALL.pread, load: file, args: rest, store: length, least: ANYTHING }).content(length)
    return this.step({ call: CALL.close, load: file, args: [], least: ANYTHING })
  }

  /** Answered with what a file, folder or link is: a result, and `STATX_BYTES` whatever that is. */
  describe(path: string): this {
    const result = this.slot()
    const args = [AT_FDCWD, this.path(path), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, SCRATCH]
    this.step({ call: CALL.statx, args, store: result, least: ANYTHING }).answer(result)
    return this.step({ call: CALL.write, args: [1, SCRATCH, STATX_BYTES], least: BigInt(STATX_BYTES) })
  }

  close(file: number): this {
    return this.step({ call: CALL.close, args: [file], least: ANYTHING })
  }

  private opened(path: string, how: number): this {
    const file = this.slot()
    const args = [this.path(path), OPEN.readOnly | OPEN.noFollow | how]
    return this.step({ call: CALL.open, args, store: file, least: ANYTHING }).answer(file)
  }

  /** A call that reads to the scratch memory: its first argument, where to, and how much. */
  private read(call: number, [first = 0]: (number | Place)[]): this {
    const length = this.argument(2, 2)
    const args = [first, SCRATCH, SCRATCH_BYTES]
    return this.step({ call, args, store: length, least: ANYTHING }).content(length)
  }

  private answer(place: Place): this {
    return this.step({ call: CALL.write, args: [1, place, 8], least: 8n })
  }

  /** Answers with a length, and with so many bytes of the scratch memory; with none for an error number. */
  private content(length: Place): this {
    return this.answer(length).step({ call: CALL.write, args: [1, SCRATCH, 0], least: ANYTHING })
  }

  private gone(path: string): void {
    this.step({ call: CALL.unlink, args: [this.path(path)], least: ANYTHING })
  }

  private path(path: string): { at: number } {
    return this.text(path, 'latin1')
  }
}
