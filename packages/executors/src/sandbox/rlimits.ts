import type { ContainerSpec } from '../executor.ts'

/** Limits with which the runtime itself runs well, however low they are (getrlimit(2)). */
const PASSED_ON = new Set([
  'core',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rttime',
  'sigpending',
  'stack',
])
/** Fewer open files than the runtime itself needs. */
const FEWEST_FILES = 64

/**
 * What to put before the runtime so that containers begin with these limits. They are handed on from process
 * to process: to set another user's takes CAP_SYS_RESOURCE, which root in a guest or under a service manager
 * may well lack.
 */
export function passedLimits(ulimits: ContainerSpec['ulimits']): string[] {
  const words = Object.entries(ulimits).flatMap(([name, { soft, hard }]) =>
    isPassedOn(name, hard) ? [`--${name}=${word(soft)}:${word(hard)}`] : [],
  )
  return words.length > 0 ? ['prlimit', ...words] : []
}

/** The limits that the runtime has to set itself. */
export function runtimeLimits(ulimits: ContainerSpec['ulimits']): ContainerSpec['ulimits'] {
  return Object.fromEntries(Object.entries(ulimits).filter(([name, { hard }]) => !isPassedOn(name, hard)))
}

function isPassedOn(name: string, hard: number): boolean {
  return PASSED_ON.has(name) && (name !== 'nofile' || hard < 0 || hard >= FEWEST_FILES)
}

function word(limit: number): string {
  return limit < 0 ? 'unlimited' : String(limit)
}
