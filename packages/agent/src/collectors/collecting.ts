import { join } from 'node:path'
import { type CollectorReport, loop, messageOf } from '@cloister/core'
import type { Hex } from 'viem'
import { rulesForTenants } from '../dial-rules.ts'
import type { LeaseRunner } from '../leases/runner.ts'
import type { LeaseSupervisor } from '../leases/supervisor.ts'
import { readingOf } from '../leases/usage.ts'
import type { Machine } from '../machine.ts'
import { within } from '../patience.ts'
import { LeaseCollector } from './lease-collector.ts'
import { Spool } from './spool.ts'

const LOOK_MS = 1_000
/** Milliseconds for what is under way to be written down when the worker stops. */
const LEAVING_MS = 5_000

interface Running {
  collector: LeaseCollector
  runner: LeaseRunner
  /** What it was begun with. */
  asked: string
  stop: AbortController
  done: Promise<void>
}

/** Has the logs and metrics of leases sent to the collectors that their tenants named. */
export class Collecting {
  private readonly machine: Machine
  private readonly supervisor: LeaseSupervisor
  private readonly running = new Map<Hex, Running>()

  constructor(machine: Machine, supervisor: LeaseSupervisor) {
    this.machine = machine
    this.supervisor = supervisor
  }

  /** How it goes with a lease's collectors. */
  report(lease: Hex): CollectorReport[] {
    return this.running.get(lease)?.collector.report() ?? []
  }

  async run(signal: AbortSignal): Promise<void> {
    const spool = new Spool(join(this.machine.config.folder, 'collected.db'))
    try {
      this.forgetEnded(spool)
      await loop(signal, async () => {
        for (const { id } of this.supervisor.openLeases()) this.look(id, spool, signal)
        return LOOK_MS
      })
      for (const { stop } of this.running.values()) stop.abort()
      await within(Promise.all([...this.running.values()].map(({ done }) => done)), LEAVING_MS)
    } finally {
      spool.close()
    }
  }

  /** Begins, ends or changes what is done for a lease. */
  private look(id: Hex, spool: Spool, signal: AbortSignal): void {
    const { store, executor, network, key, log } = this.machine
    const runner = this.supervisor.runner(id)
    const { list = [], since = 0 } = store.lease(id)?.collectors ?? {}
    const running = this.running.get(id)
    const asked = JSON.stringify(list)
    if (running && running.asked === asked && running.runner === runner) return
    // What is stopped here is begun anew once it has ended.
    if (running) return running.stop.abort()
    if (!runner || list.length === 0) {
      if (list.length === 0 && spool.leases().includes(id)) spool.forget(id)
      return
    }
    const stop = new AbortController()
    const collector = new LeaseCollector({
      runner,
      executor,
      spool,
      source: { lease: id, worker: key.address },
      collectors: list,
      since,
      rules: rulesForTenants(network.development),
      measure: () => readingOf(executor, runner, store.lease(id)),
      emit: (kind, message) => this.supervisor.event(id, kind, message),
    })
    const done = collector
      .run(AbortSignal.any([signal, stop.signal]))
      .catch((error) => log('warn', 'logs could not be sent on', { lease: id, error: messageOf(error) }))
      .finally(() => this.running.delete(id))
    this.running.set(id, { collector, runner, asked, stop, done })
  }

  /** A lease that ended while nobody looked has nothing to send any more. */
  private forgetEnded(spool: Spool): void {
    const open = new Set<string>(this.supervisor.openLeases().map(({ id }) => id))
    for (const lease of spool.leases()) if (!open.has(lease)) spool.forget(lease)
  }
}
