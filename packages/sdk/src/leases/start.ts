import { throughAbsence, type WorkerClient } from '@cloister/client'
import { CloisterError, GrowingPause, type LeaseReport, type Manifest, startPatienceMs } from '@cloister/core'
import type { Hex } from 'viem'
import { Hearing } from './hearing.ts'

/** Images may be large and the worker's line slow; the file can't say how long they take. */
const IMAGES_MS = 3_600_000
/**
 * So many ends, one after another, and a container is given up: one that waits for nothing, and one that may
 * wait for another.
 */
const EARLY_EXITS = { alone: 3, amongOthers: 6 } as const
/** A worker that tells of what happens is still asked so often: how far it has come is shown. */
const TOLD_MS = 500
const LAST_LINES = 20
const LINES_MS = 10_000

/** A container's output, for whoever wants to know why it failed. */
export interface LastLines {
  container: string
  lines: string[]
}

/** How long containers may take. */
export interface Patience {
  manifest: Manifest
  /** In place of what the manifest's health checks allow. */
  timeoutMs?: number | undefined
}

type ServiceReport = LeaseReport['services'][number]

/**
 * Resolves when all containers of a lease are ready or done. Waits for images up to an hour, then for as
 * long as the manifest's own health checks allow, or `timeoutMs` in all. Throws `start-failed` for a
 * container that failed, that keeps ending, or isn't ready in time.
 */
export async function untilStarted(
  client: WorkerClient,
  lease: Hex,
  patience: Patience,
  tell: (text: string) => void,
): Promise<LeaseReport> {
  const hearing = new Hearing(client, lease)
  try {
    return await watchStart(client, lease, patience, tell, hearing)
  } finally {
    hearing.stop()
  }
}

async function watchStart(
  client: WorkerClient,
  lease: Hex,
  { manifest, timeoutMs }: Patience,
  tell: (text: string) => void,
  hearing: Hearing,
): Promise<LeaseReport> {
  const begun = Date.now()
  let until = begun + (timeoutMs ?? IMAGES_MS)
  let imagesAreHere = false
  const pauses = new GrowingPause({ firstMs: 25, longestMs: 500, factor: 1.2 })
  for (;;) {
    const report = await throughAbsence(() => client.lease(lease))
    if (report.state === 'running' || report.state === 'completed') return report
    const { failed, services } = report
    if (!imagesAreHere && services.length > 0) {
      imagesAreHere = true
      if (timeoutMs === undefined) until = Date.now() + startPatienceMs(manifest)
    }
    const exits = services.length === 1 ? EARLY_EXITS.alone : EARLY_EXITS.amongOthers
    const bad = services.find(
      ({ state, restarts }) => state === 'failed' || (state === 'restarting' && restarts >= exits),
    )
    if (bad) throw failure(`${bad.name} does not start: ${reasonOf(bad)}.`, bad.name)
    if (report.state === 'failed') throw failure(failed?.reason ?? 'It does not start.')
    if (report.state === 'closed') throw failure('The lease was closed while it started.')
    if (Date.now() > until)
      throw failure(
        tooSlow(services, Math.round((Date.now() - begun) / 1000)),
        services.find((service) => !isUp(service))?.name,
      )
    tell(services.length === 0 ? 'bringing images' : howFar(services))
    await hearing.wait(hearing.isTelling ? TOLD_MS : pauses.take())
  }
}

/** The last lines that a container printed; undefined where there are none to be had. Never throws. */
export async function lastLinesOf(
  client: WorkerClient,
  lease: Hex,
  container: string,
): Promise<LastLines | undefined> {
  try {
    const lines: string[] = []
    const signal = AbortSignal.timeout(LINES_MS)
    for await (const { text } of client.logs(lease, { service: container, tail: LAST_LINES, signal }))
      lines.push(text)
    return lines.length > 0 ? { container, lines: lines.slice(-LAST_LINES) } : undefined
  } catch {
    return undefined
  }
}

/** The container that an error of `untilStarted` is about. */
export function failedContainer(error: unknown): string | undefined {
  const name = error instanceof CloisterError ? error.details['container'] : undefined
  return typeof name === 'string' ? name : undefined
}

function isUp({ state }: ServiceReport): boolean {
  return state === 'running' || state === 'completed' || state === 'scheduled'
}

function reasonOf({ reason, exitCode }: ServiceReport): string {
  return reason ?? (exitCode === undefined ? 'no reason given' : `it ended with code ${exitCode}`)
}

function tooSlow(services: ServiceReport[], seconds: number): string {
  if (services.length === 0) return `Its images have not come within ${seconds} s.`
  const states = services
    .filter((service) => !isUp(service))
    .map(({ name, state, reason }) => `${name} is ${state}${reason ? ` (${reason})` : ''}`)
  return `It is not ready after ${seconds} s: ${states.join(', ')}.`
}

function howFar(services: ServiceReport[]): string {
  const held = services.find((service) => !isUp(service) && service.reason !== undefined)
  return `${services.filter(isUp).length} of ${services.length} containers ready${held ? `; ${held.name}: ${held.reason}` : ''}`
}

function failure(message: string, container?: string): CloisterError {
  return new CloisterError('start-failed', message, { details: container === undefined ? {} : { container } })
}
