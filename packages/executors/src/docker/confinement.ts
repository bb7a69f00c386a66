import { randomUUID } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CAPABILITIES } from '@cloister/core'
import { seccompFilter } from '../sandbox/seccomp.ts'

/**
 * As engines hide them (moby, `oci/defaults.go`), and what they leave open to the machine's root, which a
 * container's root is.
 */
const MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/key-users',
  '/proc/keys',
  '/proc/kpagecgroup',
  '/proc/kpagecount',
  '/proc/kpageflags',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/slabinfo',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/vmallocinfo',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
]

/** What an engine is told to hide. Podman takes it as an option of its own. */
export function maskedPaths(podman: boolean): { option: string[]; MaskedPaths?: string[] } {
  return podman ? { option: [`mask=${MASKED.join(':')}`] } : { option: [], MaskedPaths: MASKED }
}

/**
 * The option that sets the filter of system calls, the same as the sandbox's. Podman wants it in a file,
 * which is put into `folder`: whole or not at all, since other containers may start by it just now.
 */
export async function seccompOption(podman: boolean, folder: string): Promise<string> {
  const filter = JSON.stringify(seccompFilter(CAPABILITIES.map((name) => `CAP_${name}`)))
  if (!podman) return `seccomp=${filter}`
  const path = join(folder, 'seccomp.json')
  const fresh = `${path}.${randomUUID()}`
  await writeFile(fresh, filter)
  await rename(fresh, path)
  return `seccomp=${path}`
}
