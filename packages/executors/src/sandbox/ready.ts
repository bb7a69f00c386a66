import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CloisterError, messageOf } from '@cloister/core'
import { DEFAULT_LIMITS } from '../network/limits.ts'
import { openWayOut } from '../network/way-out.ts'
import { killPid } from '../process.ts'
import { KERNEL_PROGRAM } from './dialler.ts'
import { FIRST_ID } from './id-range.ts'
import { IS_ROOT } from './places.ts'
import { run, SEARCH_PATH } from './run.ts'
import { ID_COUNT } from './user.ts'

/** Programs the sandbox drives, and the Debian package each is in. */
export const PROGRAMS = {
  runc: 'runc',
  conmon: 'conmon',
  perl: 'perl-base',
  nsenter: 'util-linux',
  script: 'bsdutils',
}

/** What a machine allows, found out by trying. */
export interface Ready {
  /** A file system of its own for each lease. */
  disks: boolean
  /** More user ids than one. */
  ids: boolean
  /** A way out to the internet, with its filter. */
  wayOut: boolean
}

/** Tries what the sandbox needs, in folders that are there. Throws `no-engine`, with what to type. */
export async function checkReady(folder: string, imageFolder: string): Promise<Ready> {
  const missing = Object.entries(PROGRAMS).filter(([program]) => !isThere(program))
  if (missing.length > 0)
    throw new CloisterError(
      'no-engine',
      `The sandbox needs ${missing.map(([program]) => program).join(', ')}, which this machine lacks.`,
      {
        hint: `Type: apt-get install --no-install-recommends ${[...new Set(missing.map(([, name]) => name))].join(' ')}`,
      },
    )
  const probe = await mkdtemp(join(folder, 'probe-'))
  try {
    const pid = Number(
      await run(['perl', KERNEL_PROGRAM, 'try', ...(IS_ROOT ? [String(FIRST_ID), String(ID_COUNT)] : [])]),
    )
    try {
      if (IS_ROOT) await tryOverlay(pid, probe, imageFolder)
      const map = await run(['cat', `/proc/${pid}/uid_map`])
      const wayOut = await openWayOut(
        { holder: pid, enterUser: !IS_ROOT, charged: (command) => command },
        DEFAULT_LIMITS,
      ).then(
        () => true,
        () => false,
      )
      return {
        disks: IS_ROOT && (await canMountFiles(probe)),
        ids: map.trim().split('\n').length > 1 || IS_ROOT,
        wayOut,
      }
    } finally {
      killPid(pid, 9)
    }
  } catch (cause) {
    throw new CloisterError('no-engine', `The sandbox can't run here: ${messageOf(cause)}.`, {
      hint: IS_ROOT
        ? 'It takes Linux 5.19 or later, and images in a folder of a plain file system (ext4, xfs or btrfs). Or set `executor: docker`.'
        : 'Allow unprivileged user namespaces (Linux 5.11 or later), run as root, or set `executor: docker`.',
      cause,
    })
  } finally {
    await rm(probe, { recursive: true, force: true })
  }
}

/** Mounts with other user ids than the files have, below an overlay. */
async function tryOverlay(pid: number, probe: string, imageFolder: string): Promise<void> {
  const [upper, work, target] = ['upper', 'work', 'target'].map((part) => join(probe, part)) as [
    string,
    string,
    string,
  ]
  for (const part of [upper, work, target]) await mkdir(part)
  await run(['perl', KERNEL_PROGRAM, 'overlay', String(pid), probe, imageFolder, upper, work, target])
  await run(['umount', target])
}

async function canMountFiles(probe: string): Promise<boolean> {
  if (!isThere('mkfs.ext4') || !existsSync('/dev/loop-control')) return false
  const [image, target] = [join(probe, 'image'), join(probe, 'disk')]
  try {
    await mkdir(target)
    await run(['truncate', '-s', '8M', image])
    await run(['mkfs.ext4', '-q', '-F', '-O', '^has_journal', image])
    await run(['mount', '-o', 'loop,nosuid,nodev,discard', image, target])
    await run(['umount', target])
    return true
  } catch {
    return false
  }
}

function isThere(program: string): boolean {
  return SEARCH_PATH.split(':').some((folder) => existsSync(join(folder, program)))
}
