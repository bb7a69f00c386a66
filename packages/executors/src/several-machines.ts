// What engines of several machines have in common.
import type { Exit, Traffic } from './executor.ts'

/** The exit of what is gone with its machine: 128 + SIGKILL. */
export const LOST: Exit = { code: 137, outOfMemory: false, lost: true }

/** All that containers on several machines received and sent. */
export function sumOf(all: readonly (Traffic | undefined)[]): Traffic {
  const sum = (key: keyof Traffic) => all.reduce((bytes, one) => bytes + (one?.[key] ?? 0), 0)
  return { received: sum('received'), sent: sum('sent') }
}
