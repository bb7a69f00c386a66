import { DEFAULT_CAPABILITIES } from '@cloister/core'
import type { ContainerSpec } from '../executor.ts'
import type { ContainerUser } from '../user-tables.ts'
import { type Cgroups, resourcesOf } from './cgroup.ts'
import { runtimeLimits } from './rlimits.ts'
import { seccompFilter } from './seccomp.ts'
import { ID_COUNT } from './user.ts'

/** As Docker hides and protects them (moby, `oci/defaults.go`). */
const MASKED = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/key-users',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const DEFAULT_SHM_MIB = 64
/** The machine has 3,072 for all containers together. */
const MAX_TERMINALS = 128

/** Where the program is that reaps orphans, for services that ask for one; as under Docker. */
const INIT_PROGRAM = '/sbin/docker-init'

/** Where a container's parts lie on this machine. */
export interface BundleParts {
  root: string
  mounts: { from: string; to: string; readOnly: boolean }[]
  user: ContainerUser
  /** The process whose network the container joins. */
  holder: number
  /** First of the lease's user ids here, where it is for the runtime to enter its user namespace. */
  firstId: number | undefined
  /** A program that reaps orphans, where this machine has one. */
  init: string | undefined
  cgroups: Cgroups
  cgroupPath: string
}

/** A container's configuration for a runtime (OCI runtime specification 1.0.2, "Configuration"). */
export function bundleConfig(spec: ContainerSpec, parts: BundleParts): Record<string, unknown> {
  const { firstId, cgroups, holder } = parts
  const map = [{ containerID: 0, hostID: firstId, size: ID_COUNT }]
  const init = spec.init && parts.init
  const own = init ? [{ from: init, to: INIT_PROGRAM, readOnly: true }] : []
  return {
    ociVersion: '1.0.2',
    process: processConfig(
      spec,
      parts.user,
      init ? [INIT_PROGRAM, '--', ...spec.argv] : spec.argv,
      spec.terminal ? { columns: 80, rows: 24 } : undefined,
    ),
    root: { path: parts.root, readonly: spec.readOnlyRoot },
    hostname: spec.hostname,
    mounts: [
      ...systemMounts(spec, parts),
      ...spec.tmpfs.map(tmpfs),
      ...[...own, ...parts.mounts].map(bind),
    ].sort(byDepth),
    linux: {
      namespaces: [
        ...['pid', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
        { type: 'network', path: `/proc/${holder}/ns/net` },
        // Elsewhere the runtime runs in it already.
        ...(firstId === undefined ? [] : [{ type: 'user', path: `/proc/${holder}/ns/user` }]),
      ],
      ...(firstId !== undefined && { uidMappings: map, gidMappings: map }),
      ...(spec.sysctls && { sysctl: spec.sysctls }),
      ...(cgroups.version !== 'none' && { cgroupsPath: parts.cgroupPath }),
      resources: {
        ...(cgroups.version !== 'none' && { devices: [{ allow: false, access: 'rwm' }] }),
        ...resourcesOf(spec, cgroups),
      },
      seccomp: seccompFilter(capabilitiesOf(spec)),
      maskedPaths: MASKED,
      readonlyPaths: READ_ONLY,
    },
  }
}

/** Capabilities as the runtime names them. */
function capabilitiesOf({ capabilities = DEFAULT_CAPABILITIES }: ContainerSpec): string[] {
  return capabilities.map((name) => `CAP_${name}`)
}

/** What a container runs, or a command beside it with a terminal of that size or none. */
export function processConfig(
  spec: ContainerSpec,
  user: ContainerUser,
  argv: string[],
  terminal: { columns: number; rows: number } | undefined,
): Record<string, unknown> {
  const bounding = capabilitiesOf(spec)
  const held = user.uid === 0 ? bounding : []
  const env: Record<string, string> = {
    PATH: DEFAULT_PATH,
    HOSTNAME: spec.hostname,
    ...(terminal && { TERM: 'xterm' }),
    ...spec.env,
  }
  return {
    terminal: terminal !== undefined,
    ...(terminal && { consoleSize: { width: terminal.columns, height: terminal.rows } }),
    user,
    args: argv,
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cwd: spec.workingDir,
    capabilities: { bounding, effective: held, permitted: held, inheritable: [], ambient: [] },
    rlimits: Object.entries(runtimeLimits(spec.ulimits)).map(([name, { soft, hard }]) => ({
      type: `RLIMIT_${name.toUpperCase()}`,
      soft: rlimit(soft),
      hard: rlimit(hard),
    })),
    noNewPrivileges: true,
  }
}

/** What every container has mounted, as under Docker. */
function systemMounts({ shmMiB = DEFAULT_SHM_MIB }: ContainerSpec, { cgroups }: BundleParts): Mount[] {
  const plain = ['nosuid', 'noexec', 'nodev']
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: plain },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', `max=${MAX_TERMINALS}`],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...plain, 'ro'] },
    ...(cgroups.version === 'none'
      ? []
      : [{ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', ...plain] }]),
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: plain },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: [...plain, 'mode=1777', `size=${shmMiB}m`],
    },
  ]
}

interface Mount {
  destination: string
  type: string
  source: string
  options: string[]
}

function tmpfs({ path, sizeMiB, mode = 0o1777, uid = 0, gid = 0 }: ContainerSpec['tmpfs'][number]): Mount {
  const options = [
    'nosuid',
    'nodev',
    `mode=${mode.toString(8)}`,
    `uid=${uid}`,
    `gid=${gid}`,
    `size=${sizeMiB}m`,
  ]
  return { destination: path, type: 'tmpfs', source: 'tmpfs', options }
}

function bind({ from, to, readOnly }: BundleParts['mounts'][number]): Mount {
  return {
    destination: to,
    type: 'bind',
    source: from,
    options: ['bind', 'rprivate', 'nosuid', 'nodev', readOnly ? 'ro' : 'rw'],
  }
}

/** What lies deeper is mounted later, in whatever order it was named. */
function byDepth(one: Mount, other: Mount): number {
  return depth(one.destination) - depth(other.destination)
}

function depth(path: string): number {
  return path.split('/').filter(Boolean).length
}

/** RLIM_INFINITY (2^64-1) is no number of JavaScript's: it is written as it is. */
function rlimit(limit: number): unknown {
  return limit < 0
    ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON('18446744073709551615')
    : limit
}
