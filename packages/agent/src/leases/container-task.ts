import { setTimeout as delay } from 'node:timers/promises'
import {
  CloisterError,
  GrowingPause,
  type HealthCheck,
  messageOf,
  nextStart,
  type Service,
  timerMs,
} from '@cloister/core'
import type { ContainerSpec, ContainerStatus, Executor, Exit, Size } from '@cloister/executors'
import type { Hex } from 'viem'
import { lastWords, PRINTED_LAST } from '../ended-logs.ts'
import { within } from '../patience.ts'
import { checkHealth, isListening } from './health.ts'
import type { PlannedContainer } from './plan.ts'

/** How one container of a lease is doing. */
export type ContainerState =
  | 'waiting'
  /** It runs by a schedule, and not now. */
  | 'scheduled'
  | 'starting'
  | 'running'
  | 'unhealthy'
  | 'restarting'
  | 'completed'
  | 'failed'

/** What a task needs of its surroundings. */
export interface TaskContext {
  executor: Executor
  /** The spec with the values of its sealed secrets, which only what is started gets to see. */
  complete(planned: PlannedContainer, signal: AbortSignal): Promise<ContainerSpec>
  /** Resolves once what a dependency waits for is true. */
  dependency(dependsOn: Service['dependsOn'][number], signal: AbortSignal): Promise<void>
  /** Told whenever `state` changes. */
  changed(): void
  event(kind: string, message: string): void
  /** Resolves once it is so late, Unix milliseconds. */
  sleepUntil(instant: number, signal: AbortSignal): Promise<void>
  countRestart(container: string): number
  restarts(container: string): number
}

const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 60_000
const STEADY_MS = 60_000
const SETTLED_MS = 250
/** What nothing shows to be ready has to run so long for its end not to be an early one. */
const UNTRIED_MS = 10_000
/** So many early ends, one after another, and its tenant is told what it printed. */
const TELLING_EXITS = 3
const LAST_LINES = 10
const LAST_LINE_CHARACTERS = 300
/** A service that has opened none of its ports by then is told of: most often its file names another. */
const QUIET_LISTEN_MS = 10_000
const REMEDY = 'deploy it from a snapshot (--from), and close this lease.'
/** Milliseconds that each step of killing a container may take. */
const ABANDON_MS = 5_000

/**
 * Keeps one container as its manifest says: starts it after what it depends on, watches it, restarts it with
 * growing pauses.
 */
export class ContainerTask {
  private planned: PlannedContainer
  state: ContainerState = 'waiting'
  /** Why, where `state` is `failed` or `restarting`, or where it waits for its volume. */
  reason: string | undefined
  lastExit: Exit | undefined
  startedAt: number | undefined
  /** When its schedule starts it next, Unix milliseconds. */
  nextStart: number | undefined
  /** It has been running once, whether ready or not. */
  hasStarted = false
  /** Ends without having been ready, one after another. */
  earlyExits = 0
  private readonly context: TaskContext
  private readonly aborter = new AbortController()
  private done: Promise<void> | undefined

  constructor(planned: PlannedContainer, context: TaskContext) {
    this.planned = planned
    this.context = context
  }

  get spec(): ContainerSpec {
    return this.planned.spec
  }

  get health(): HealthCheck | undefined {
    return this.planned.health
  }

  get service(): Service {
    return this.planned.service
  }

  get isReady(): boolean {
    return this.state === 'running' || this.state === 'completed' || this.state === 'scheduled'
  }

  /** It would run, were the machine there that has its volume. */
  get waitsForVolume(): boolean {
    return this.state === 'waiting' && this.reason !== undefined
  }

  /** Whether it looks after its container as `planned` asks for: restarts, checks, ports, dependencies. */
  isKeptAs(planned: PlannedContainer): boolean {
    return careOf(this.planned) === careOf(planned)
  }

  /** Hears that its container has another size, and goes on. */
  resized(size: Size): void {
    this.planned = { ...this.planned, spec: { ...this.planned.spec, ...size } }
  }

  /** Begins. `found` is what the engine has of that name and revision already. */
  begin(found: ContainerStatus | undefined): void {
    this.done = this.run(found).catch((error) => {
      if (!this.aborter.signal.aborted) this.become('failed', messageOf(error))
    })
  }

  /** Lets go of the container, which stays as it is. */
  async abandon(): Promise<void> {
    this.aborter.abort()
    await this.done
  }

  /**
   * Asks the container to end as its manifest says and removes it, unless `signal` is aborted meanwhile:
   * then it stays. `isFollowed`: another of that name is started next.
   */
  async end(signal: AbortSignal, isFollowed = false): Promise<void> {
    await this.abandon()
    signal.throwIfAborted()
    await this.context.executor.stop(this.spec.lease, this.spec.name, this.service.stopGraceMs)
    signal.throwIfAborted()
    await this.context.executor.remove(this.spec.lease, this.spec.name, { isFollowed })
  }

  /** Kills it for good, for a reason its tenant is told. */
  async fail(reason: string): Promise<void> {
    // What is about to start ends by itself.
    await within(this.abandon(), ABANDON_MS)
    await within(this.context.executor.stop(this.spec.lease, this.spec.name, 1_000), ABANDON_MS)
    this.become('failed', reason)
  }

  private async run(found: ContainerStatus | undefined): Promise<void> {
    const { signal } = this.aborter
    const { name } = this.spec
    let adopted = found
    if (!adopted)
      for (const dependency of this.service.dependsOn) await this.context.dependency(dependency, signal)
    const { schedule } = this.service
    if (schedule !== undefined) return this.runBySchedule(schedule, adopted)
    const pauses = new GrowingPause({ firstMs: FIRST_DELAY_MS, longestMs: LONGEST_DELAY_MS })
    for (;;) {
      signal.throwIfAborted()
      let startedAt = adopted?.startedAt
      if (startedAt === undefined || this.hasStarted) {
        if (!this.waitsForVolume) this.become('starting')
        const error = await this.launch().then(() => undefined, asError)
        signal.throwIfAborted()
        if (error instanceof CloisterError && error.code === 'volume-away') {
          this.tellAway(error.message)
          await delay(pauses.take(), undefined, { signal })
          continue
        }
        if (error instanceof CloisterError && error.code === 'volume-lost') {
          this.context.event(
            'volume-lost',
            `${error.message} ${name} does not begin anew without it: ${REMEDY}`,
          )
          return this.become('failed', 'its volume is lost with the machine that had it')
        }
        if (error !== undefined) {
          const failure = messageOf(error)
          this.earlyExits++
          if (!(await this.mayRestart({ code: 125, outOfMemory: false }, failure, pauses.take()))) return
          continue
        }
        startedAt = await this.startOf()
      }
      adopted = undefined
      const exit = await this.outlive(startedAt)
      const wasReady = this.state === 'running' || this.state === 'unhealthy'
      this.earlyExits =
        wasReady && (this.isTried || Date.now() - startedAt >= UNTRIED_MS) ? 0 : this.earlyExits + 1
      if (Date.now() - startedAt >= STEADY_MS) pauses.reset()
      if (
        !(await this.mayRestart(
          exit,
          exit.lost
            ? 'the machine it ran on is gone'
            : exit.outOfMemory
              ? 'it ran out of memory'
              : `it ended with code ${exit.code}`,
          pauses.take(),
        ))
      )
        return
    }
  }

  /** Starts it whenever its schedule says so; one that still runs then goes on, and is not started again. */
  private async runBySchedule(schedule: string, found: ContainerStatus | undefined): Promise<void> {
    const { signal } = this.aborter
    const { name } = this.spec
    let running = found?.running ? found.startedAt : undefined
    if (found && !found.running) {
      this.hasStarted = true
      this.startedAt = found.startedAt
      this.lastExit = found.exit
    }
    let reason: string | undefined
    for (;;) {
      if (running === undefined) {
        const instant = nextStart(schedule, Date.now())
        if (instant === undefined) return this.become('completed')
        this.nextStart = instant
        this.become('scheduled', reason)
        await this.context.sleepUntil(instant, signal)
        this.nextStart = undefined
        this.become('starting')
        reason = await this.launch().then(() => undefined, messageOf)
        signal.throwIfAborted()
        if (reason !== undefined) {
          this.context.event('job-failed', `${name} could not be started: ${reason}.`)
          continue
        }
        running = await this.startOf()
      }
      const exit = await this.outlive(running)
      running = undefined
      reason = exit.outOfMemory
        ? 'it ran out of memory'
        : exit.code !== 0
          ? `it ended with code ${exit.code}`
          : undefined
      if (reason === undefined) this.context.event('job-done', `${name} has done its work.`)
      else this.context.event('job-failed', `${name}: ${reason}.${await this.lastLines()}`)
    }
  }

  /** Its volume is on a machine that is away, which is told once. */
  private tellAway(message: string): void {
    if (!this.waitsForVolume) this.context.event('volume-away', message)
    this.become('waiting', 'the machine that has its volume does not answer, or is not attested')
  }

  /** When the engine started it, Unix milliseconds. */
  private async startOf(): Promise<number> {
    const { lease, name } = this.spec
    const found = await this.context.executor.containers(lease)
    return found.find((container) => container.name === name)?.startedAt ?? Date.now()
  }

  /** Watches it until it ends. */
  private async outlive(startedAt: number): Promise<Exit> {
    const { signal } = this.aborter
    this.hasStarted = true
    this.startedAt = startedAt
    this.become('starting')
    const watching = new AbortController()
    const watch = this.watch(AbortSignal.any([signal, watching.signal]), startedAt).catch(() => {})
    const exit = await this.context.executor.wait(this.spec.lease, this.spec.name, signal)
    watching.abort()
    await watch
    this.lastExit = exit
    return exit
  }

  /**
   * Whether anything shows that it is ready: a check, or a port. Others count as running once they have
   * outlived their first moments.
   */
  private get isTried(): boolean {
    return this.health !== undefined || this.service.expose.some(({ protocol }) => protocol !== 'udp')
  }

  private async launch(): Promise<void> {
    const { signal } = this.aborter
    const { executor } = this.context
    const { lease, name } = this.spec
    if (this.hasStarted && !this.lastExit?.lost && (await this.isThere())) await executor.restart(lease, name)
    else {
      const spec = await this.context.complete(this.planned, signal)
      signal.throwIfAborted()
      await executor.start(spec)
    }
    // Nobody watches what starts after it was abandoned, and nobody wants it.
    if (signal.aborted) await executor.stop(lease, name, 1_000)
  }

  /** Whether the engine has it still. One that ended by itself can be gone with its machine later. */
  private async isThere(): Promise<boolean> {
    const found = await this.context.executor.containers(this.spec.lease)
    return found.some(({ name }) => name === this.spec.name)
  }

  /** Pauses and returns true where the policy says so. */
  private async mayRestart(exit: Exit, reason: string, pauseMs: number): Promise<boolean> {
    const { policy, maxRetries } = this.service.restart
    const { name } = this.spec
    const isFailure = exit.code !== 0 || exit.outOfMemory
    const wanted =
      policy === 'always' ||
      exit.lost === true ||
      (policy === 'on-failure' &&
        isFailure &&
        (maxRetries === undefined || this.context.restarts(name) < maxRetries))
    if (!wanted) {
      const said = isFailure ? await this.lastLines() : ''
      this.become(isFailure ? 'failed' : 'completed', isFailure ? reason : undefined)
      this.context.event(
        isFailure ? 'failed' : 'completed',
        isFailure ? `${name}: ${reason}.${said}` : `${name} has done its work.`,
      )
      return false
    }
    // Told once, and with what it said: whoever deployed it shouldn't have to guess, or to be quick.
    if (this.earlyExits === TELLING_EXITS)
      this.context.event(
        'start-failed',
        `${name} has ended ${TELLING_EXITS} times without having been ready: ${reason}.${await this.lastLines()}`,
      )
    const count = this.context.countRestart(name)
    this.become('restarting', reason)
    this.context.event(
      'restarting',
      `${name}: ${reason}; restart ${count} in ${(pauseMs / 1000).toFixed(1)} s.`,
    )
    await delay(pauseMs, undefined, { signal: this.aborter.signal })
    return true
  }

  /** What it printed last, as a part of an event; nothing where it printed nothing, or nobody may read it. */
  private async lastLines(): Promise<string> {
    if (this.service.logs === false) return ''
    const lines = await lastWords(this.context.executor, this.spec.lease as Hex, [this.spec.name])
    const text = lines.slice(-LAST_LINES).map((line) => line.text.slice(0, LAST_LINE_CHARACTERS))
    return text.length === 0 ? '' : `${PRINTED_LAST}${text.join('\n')}`
  }

  /** Finds out when the container is ready, and with a health check whether it stays so. */
  private async watch(signal: AbortSignal, startedAt: number): Promise<void> {
    const { health } = this
    if (health) return this.watchHealth(signal, startedAt, health)
    const ports = this.service.expose.filter((port) => port.protocol !== 'udp').map((port) => port.port)
    let told = false
    const pauses = new GrowingPause({ firstMs: 15, longestMs: 1_000, factor: 1.12 })
    for (;;) {
      const open = await Promise.all(
        ports.map((port) => isListening(this.context.executor, this.spec.lease, this.spec.name, port)),
      )
      signal.throwIfAborted()
      // Files name ports that only some set-ups open (443 beside 80), so one will do. Without a port to try,
      // a service counts as running once it has outlived its first moments.
      if (ports.length > 0 ? open.some(Boolean) : Date.now() - startedAt >= SETTLED_MS)
        return this.become('running')
      if (!told && Date.now() - startedAt > QUIET_LISTEN_MS) {
        told = true
        this.become('starting', `nothing listens on port ${ports.join(' or ')} in it yet`)
        this.context.event(
          'not-listening',
          `${this.spec.name} has not opened port ${ports.join(' or ')} yet.`,
        )
      }
      await pauses.wait(signal)
      signal.throwIfAborted()
    }
  }

  private async watchHealth(signal: AbortSignal, startedAt: number, health: HealthCheck): Promise<void> {
    let failures = 0
    for (;;) {
      const healthy = await checkHealth(this.context.executor, this.spec.lease, this.spec.name, health)
      signal.throwIfAborted()
      if (healthy) {
        failures = 0
        if (this.state !== 'running') this.become('running')
      } else if (this.state === 'running' || Date.now() - startedAt > health.startPeriodMs) failures++
      if (failures >= health.retries && this.state !== 'unhealthy') {
        this.become('unhealthy', `its health check failed ${failures} times`)
        this.context.event(
          'unhealthy',
          `${this.spec.name}: its health check failed ${failures} times in a row.`,
        )
      }
      // Until it is healthy for the first time, what waits for it shouldn't wait for a whole interval.
      await delay(
        timerMs(this.state === 'starting' ? Math.min(health.intervalMs, 1_000) : health.intervalMs),
        undefined,
        { signal },
      )
    }
  }

  private become(state: ContainerState, reason?: string): void {
    if (this.state === state && this.reason === reason) return
    this.state = state
    this.reason = reason
    this.context.changed()
  }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(messageOf(cause))
}

/** What of a plan is no property of the container itself, but of how it is looked after. */
function careOf({ health, service }: PlannedContainer): string {
  const { restart, stopGraceMs, expose, dependsOn } = service
  return JSON.stringify([health ?? null, restart, stopGraceMs, expose, dependsOn])
}
