import type { Attempt } from './attempt.ts'
import { FILES } from './attempts/files.ts'
import { KERNEL } from './attempts/kernel.ts'
import { PROCESSES } from './attempts/processes.ts'
import { SETTINGS } from './attempts/settings.ts'

/** Everything that is tried inside one running container. */
export const ATTEMPTS: readonly Attempt[] = [...SETTINGS, ...KERNEL, ...FILES, ...PROCESSES]
