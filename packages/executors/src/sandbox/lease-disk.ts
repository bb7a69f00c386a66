import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir, open, readFile, rename, rm, stat, statfs, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { folderBytes } from '../disk.ts'
import { run } from './run.ts'

const MIB = 1024 * 1024
/**
 * What a file system's own tables take: some of it whatever the size, and a part of it (inodes: 256 bytes in
 * 8 KiB).
 */
const OVERHEAD_MIB = 8
const OVERHEAD_PART = 28

/**
 * What a lease writes: volumes, the changed files of its containers, and what they print. As root it is a
 * file system of its own in a file, so that its size and the number of its files are limited by the kernel,
 * and wiping it is removing one file, whatever lies in it. Elsewhere it is a folder, and somebody has to
 * watch it.
 */
export class LeaseDisk {
  /** Where the lease's files lie. */
  readonly folder: string
  private readonly image: string

  constructor(leaseFolder: string) {
    this.folder = join(leaseFolder, 'disk')
    this.image = join(leaseFolder, 'disk.img')
  }

  /** Whether the kernel keeps it to its size. */
  get isBounded(): boolean {
    return existsSync(this.image)
  }

  /** Whether it is to be larger than it is, and nobody could make it so yet. */
  get mayGrow(): boolean {
    return existsSync(this.growing)
  }

  /**
   * Makes it, or mounts it where it is there. It grows where `sizeMiB` is more than it has. Where it is less
   * the file system stays as large, and a file of ours that nobody can reach fills the difference, so that
   * nothing has to be unmounted or moved; unless what is there leaves no room for that: then its size stays.
   */
  async open(sizeMiB: number | undefined): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    if (!this.isBounded) {
      if (sizeMiB === undefined || existsSync(join(this.folder, 'logs'))) return this.makeFolders()
      await this.format(sizeMiB)
    }
    const wanted = sizeMiB === undefined ? 0 : imageBytes(sizeMiB)
    if ((await stat(this.image)).size < wanted) {
      await writeFile(this.growing, String(sizeMiB))
      await truncate(this.image, wanted)
    }
    // Also where somebody before us came no further than this.
    if (this.mayGrow && (await this.grow())) await rename(this.growing, `${this.image}.mib`)
    if (!this.isMounted)
      await run(['mount', '-o', 'loop,nosuid,nodev,noatime,discard', this.image, this.folder])
    if (sizeMiB !== undefined && !this.mayGrow)
      await this.withhold(sizeMiB, (await stat(this.image)).size - wanted)
    await this.makeFolders()
  }

  /** Bytes its files take. */
  async usedBytes(): Promise<number> {
    if (!this.isBounded) return folderBytes(this.folder)
    if (!this.isMounted) return 0
    const { blocks, bfree, bsize } = await statfs(this.folder)
    // The file system's own room is nobody's: a full disk is full, and not more than that.
    const withheld = (await stat(this.withheld).catch(() => ({ size: 0 }))).size
    const used = Math.max(0, (blocks - bfree) * bsize - withheld)
    return Math.min(used, Number(await readFile(`${this.image}.mib`, 'utf8')) * MIB)
  }

  /** Unmounts it; nothing may be using it any more. */
  async close(): Promise<void> {
    if (this.isMounted) await run(['umount', this.folder]).catch(() => run(['umount', '-l', this.folder]))
  }

  /** Removes it. Its files may be of any depth, and a folder other users' alone. */
  async destroy(asOwner: (command: string[]) => Promise<string[]>): Promise<void> {
    await this.close()
    for (const end of ['', '.mib', '.mib.new', '.growing', '.new'])
      await rm(`${this.image}${end}`, { force: true })
    await run(await asOwner(['rm', '-rf', '--one-file-system', '--', this.folder]), { timeoutMs: 600_000 })
  }

  private get growing(): string {
    return `${this.image}.growing`
  }

  private get withheld(): string {
    return join(this.folder, '.withheld')
  }

  /** Has a file take `bytes` of the file system: unwritten, so that they take nothing of the machine's. */
  private async withhold(sizeMiB: number, bytes: number): Promise<void> {
    const has = (await stat(this.withheld).catch(() => ({ size: 0 }))).size
    if (bytes === has) return
    if (bytes === 0) await rm(this.withheld, { force: true })
    else if (bytes < has) await truncate(this.withheld, bytes)
    else if (!(await this.take(bytes))) {
      // Some of it may have been taken.
      await (has > 0 ? truncate(this.withheld, has) : rm(this.withheld, { force: true }))
      return
    }
    await writeFile(`${this.image}.mib.new`, String(sizeMiB))
    await rename(`${this.image}.mib.new`, `${this.image}.mib`)
  }

  private take(bytes: number): Promise<boolean> {
    return run(['fallocate', '-l', String(bytes), this.withheld]).then(
      () => true,
      () => false,
    )
  }

  private get isMounted(): boolean {
    return mountPoints().includes(this.folder)
  }

  private async makeFolders(): Promise<void> {
    for (const part of ['volumes', 'upper', 'work', 'logs']) {
      await mkdir(join(this.folder, part), { recursive: true, mode: 0o700 })
      await chmod(join(this.folder, part), 0o700)
    }
  }

  /**
   * Makes the file system as large as its file: while it is in use where the kernel lets us
   * (CAP_SYS_RESOURCE), else in between. False where it is in use: then another start of the lease does it.
   */
  private async grow(): Promise<boolean> {
    if (this.isMounted) {
      const device = (await run(['findmnt', '-n', '-o', 'SOURCE', '--mountpoint', this.folder])).trim()
      const grown = await run(['losetup', '--set-capacity', device])
        .then(() => run(['resize2fs', device]))
        .then(
          () => true,
          () => false,
        )
      if (grown) return true
      if (
        !(await run(['umount', this.folder]).then(
          () => true,
          () => false,
        ))
      )
        return false
    }
    // e2fsck(8) ends with 1 where it has mended something.
    await run(['e2fsck', '-f', '-p', this.image]).catch((error) => {
      if ((error as { cause?: { code?: number } }).cause?.code !== 1) throw error
    })
    await run(['resize2fs', this.image])
    return true
  }

  /** The file appears whole or not at all. */
  private async format(sizeMiB: number): Promise<void> {
    const fresh = `${this.image}.new`
    await rm(fresh, { force: true })
    const file = await open(fresh, 'wx', 0o600)
    await file.truncate(imageBytes(sizeMiB))
    await file.close()
    const options = [
      '-q',
      '-F',
      '-m',
      '0',
      '-E',
      'lazy_itable_init=1,lazy_journal_init=1,nodiscard',
      '-i',
      '8192',
      '-J',
      `size=${journalMiB(sizeMiB)}`,
    ]
    await run(['mkfs.ext4', ...options, fresh])
    await writeFile(`${this.image}.mib`, String(sizeMiB))
    await rename(fresh, this.image)
  }
}

function journalMiB(sizeMiB: number): number {
  return sizeMiB < 512 ? 4 : 16
}

function imageBytes(sizeMiB: number): number {
  return (sizeMiB + OVERHEAD_MIB + journalMiB(sizeMiB) + Math.ceil(sizeMiB / OVERHEAD_PART)) * MIB
}

/** All mount points that this process sees, the last mounted first (proc(5), `mountinfo`). */
export function mountPoints(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter(Boolean)
    .map((path) =>
      path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
    )
    .reverse()
}
