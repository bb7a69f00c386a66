import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { CloisterError } from '@cloister/core'
import * as z from 'zod'
import { Notice, Seen } from './notice.ts'

const amount = z.string().regex(/^\d{1,78}$/)

/** A notice that a channel was not told yet. */
const Waiting = z.object({
  notice: Notice,
  channel: z.string(),
  attempts: z.int(),
  /** Unix milliseconds. */
  nextAt: z.number(),
})
export type Waiting = z.infer<typeof Waiting>

/** What was paid into a lease, or is about to be. Base units of `token`. */
const Payment = z.object({
  lease: z.string(),
  token: z.string(),
  amount,
  /** All that had been paid into the lease before. */
  paidIn: amount,
  /** Unix milliseconds. */
  at: z.number(),
  /** It is on the chain. Written down before it is sent, so that none is forgotten. */
  done: z.boolean(),
})
export type Payment = z.infer<typeof Payment>

/** A replica that is lost, and what is done about it. */
const Replacement = z.object({
  /** The lease that is lost. */
  lost: z.string(),
  /** As `my-app/2`. */
  name: z.string(),
  replica: z.int(),
  /** Why it counts as lost, in words. */
  why: z.string(),
  /** `opening`: `opened` is sent, or about to be. `closing`: it runs, and the lost one may be open still. */
  step: z.enum(['wanted', 'opening', 'closing']),
  /** The lease that takes its place, and until when the chain takes its bid, Unix seconds. */
  opened: z.string().optional(),
  expiry: z.number().optional(),
  /** Unix milliseconds. */
  notBefore: z.number(),
})
export type Replacement = z.infer<typeof Replacement>

const State = z.object({
  version: z.literal(1),
  leases: z.record(
    z.string(),
    z.object({
      seen: z.array(Seen),
      restarts: z.record(z.string(), z.int()),
      /** When its last one was begun, when one was tried, and why that failed. Unix milliseconds. */
      snapshot: z
        .object({ takenAt: z.number(), triedAt: z.number(), problem: z.string() })
        .partial()
        .optional(),
    }),
  ),
  waiting: z.array(Waiting),
  payments: z.array(Payment),
  /** Files from before have none. */
  replacements: z.array(Replacement).default([]),
})
export type State = z.infer<typeof State>

/** A keeper's memory: one file, which is written anew as a whole before anything is done on its strength. */
export class StateFile {
  private readonly path: string
  readonly state: State

  /** Throws `bad-state` for a file that isn't one. */
  constructor(path: string) {
    this.path = path
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    this.state = existsSync(path)
      ? read(path)
      : { version: 1, leases: {}, waiting: [], payments: [], replacements: [] }
  }

  save(): void {
    const fresh = `${this.path}.new`
    const file = openSync(fresh, 'w', 0o600)
    try {
      writeFileSync(file, JSON.stringify(this.state))
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(fresh, this.path)
    // A machine that goes down now must not bring the one before back, which knows of no payment.
    const folder = openSync(dirname(this.path), 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  }
}

function read(path: string): State {
  try {
    return State.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new CloisterError('bad-state', `${path} is not what a keeper wrote.`, {
      hint: 'Move it away to begin anew; what was told and paid is forgotten then.',
      cause,
    })
  }
}
