import { messageOf } from '@cloister/core'
import type { LastBlock } from '@cloister/operations'
import { serverIdentity } from './api/tls.ts'
import type { Attestor } from './attestation.ts'
import { watchDisks } from './disk-watch.ts'
import type { LeaseSupervisor } from './leases/supervisor.ts'
import { watchLeases } from './leases/watcher.ts'
import type { Machine } from './machine.ts'
import { meter } from './metering.ts'
import { within } from './patience.ts'
import { keepClaiming } from './rewards.ts'
import type { Settlement } from './settlement.ts'
import { GpuConfirmation } from './verdicts/confirm.ts'

/** Milliseconds that the watch over the chain waits for one lease to be looked at. */
const TOUCH_MS = 10_000

/** Something that a worker does besides answering, for as long as it runs. */
export interface Part {
  name: string
  /** Runs until `signal`; resolves once a worker that stops need wait for it no more. */
  start(signal: AbortSignal): Promise<void>
}

/** What the parts of a worker work on. */
export interface PartsOf {
  machine: Machine
  supervisor: LeaseSupervisor
  settlement: Settlement
  attestor: Attestor
  /** What is known of the chain's newest block. */
  newest: LastBlock
  /** Serves TLS with a renewed certificate. */
  identify: (identity: Awaited<ReturnType<typeof serverIdentity>>) => void
}

/** The parts of a worker. What a worker is to do besides is one more of them. */
export function partsOf({ machine, supervisor, settlement, attestor, newest, identify }: PartsOf): Part[] {
  const { config, key, wallet, provider, source, executor, store, sequence, tlsKey, log } = machine
  return [
    {
      name: 'gpus',
      start: async (signal) => {
        if (config.capacity.gpus === 0) return
        const confirming = { wallet, key, provider, tlsKeyHash: tlsKey.hash, source, sequence, log }
        const gpus = new GpuConfirmation(confirming, signal)
        const confirm = () => {
          if (attestor.latest) gpus.begin(attestor.latest.block)
        }
        confirm()
        attestor.onRenewed(confirm)
      },
    },
    {
      name: 'certificate',
      start: async () => {
        if (!config.endpoint.startsWith('https:')) return
        attestor.onRenewed(() => {
          serverIdentity(attestor, tlsKey.pem, config.endpoint).then(identify, (error) =>
            log('warn', 'the TLS certificate could not be renewed', { error: messageOf(error) }),
          )
        })
      },
    },
    {
      name: 'leases',
      start: (signal) =>
        watchLeases({
          chain: wallet,
          worker: key.address,
          store,
          log,
          newest,
          isMine: (id) => store.lease(id) !== undefined,
          // One lease that is hard to wipe keeps nobody from hearing of the others.
          touched: (id, closer) => within(supervisor.refresh(id, closer), TOUCH_MS, signal),
          signal,
        }),
    },
    { name: 'attestation', start: (signal) => attestor.keep(signal) },
    {
      name: 'metering',
      start: (signal) => meter({ wallet, store, supervisor, sequence, log, settlement, signal }),
    },
    { name: 'disks', start: (signal) => watchDisks({ executor, supervisor, log, signal }) },
    {
      name: 'rewards',
      start: (signal) => keepClaiming({ wallet, provider, config: config.rewards, sequence, log }, signal),
    },
  ]
}
