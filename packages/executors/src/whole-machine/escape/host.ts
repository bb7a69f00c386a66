import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

const SETTINGS = ['kernel', 'vm', 'fs', 'user', 'net/core']
/** Change by themselves. */
const RESTLESS =
  /\/(random\/|ns_last_pid|pty\/nr|inode-|dentry-state|file-nr|aio-nr|drop_caches|mqueue|quota\/|perf_event_max_sample_rate|overflow)/
const FILES = [
  '/proc/modules',
  '/proc/swaps',
  '/proc/mtrr',
  '/proc/irq/default_smp_affinity',
  '/sys/kernel/uevent_helper',
]
const PROGRAMS = [
  'runc',
  'crun',
  'bwrap',
  'dockerd',
  'containerd-shim-runc-v2',
  'podman',
  'conmon',
  'nft',
  'slirp4netns',
  'perl',
]

/**
 * What a container must not change: settings of the kernel, the host's name, the filter that keeps it in,
 * programs that engines run.
 */
export function hostState(table: string | undefined): Record<string, string> {
  const state: Record<string, string> = { hostname: hostname() }
  const walk = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) walk(path)
      else if (!RESTLESS.test(path)) state[path] = contentOf(path)
    }
  }
  for (const folder of SETTINGS) walk(`/proc/sys/${folder}`)
  for (const path of FILES) state[path] = contentOf(path)
  for (const folder of readdirSync('/sys/fs/cgroup'))
    state[`${folder}/release_agent`] = contentOf(`/sys/fs/cgroup/${folder}/release_agent`)
  for (const folder of (process.env['PATH'] ?? '').split(':'))
    for (const program of PROGRAMS) {
      const path = join(folder, program)
      if (existsSync(path)) state[path] = createHash('sha256').update(readFileSync(path)).digest('hex')
    }
  if (table !== undefined)
    state['filter'] = execFileSync('nft', ['--stateless', '--terse', 'list', 'table', 'inet', table], {
      encoding: 'utf8',
    })
  return state
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
