import type { Service } from './service.ts'

/** What a service gets where its file says nothing of resources. */
export const DEFAULT_RESOURCES = { cpuMilli: 500, memoryMiB: 512, diskMiB: 1024 } as const
/** MiB of a volume whose size isn't stated. */
export const DEFAULT_VOLUME_MIB = 1024
export const DEFAULT_TMPFS_MIB = 64

const MAX_PROCESSES = 1024
const STOP_GRACE_MS = 10_000

/** A service with everything stated that a file may leave out. */
export function plainService(image: string): Service {
  return {
    image,
    env: {},
    count: 1,
    expose: [],
    mounts: [],
    tmpfs: [],
    files: [],
    dependsOn: [],
    restart: { policy: 'always' },
    resources: { ...DEFAULT_RESOURCES },
    maxProcesses: MAX_PROCESSES,
    ulimits: {},
    readOnlyRoot: false,
    stopGraceMs: STOP_GRACE_MS,
  }
}
