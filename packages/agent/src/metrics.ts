import { statfs } from 'node:fs/promises'
import { LEASE_STATES } from '@cloister/core'
import { addCounters, addGauges, type Observed, type Registry } from '@cloister/operations/metrics'
import type { Worker } from './api/worker.ts'
import { capacityOf, freeRoom } from './bidding/capacity.ts'

const BYTES_PER_MIB = 1024 * 1024

/**
 * Adds a worker's metrics, read when somebody asks. They say how many leases there are and never which: no
 * label has anything in it that a tenant chose.
 */
export function workerMetrics(registry: Registry, worker: Worker): void {
  addGauges(registry, [...leases(worker), ...attestation(worker), ...chain(worker), ...room(worker)])
  const { bidder, settlement } = worker
  addCounters(registry, [
    {
      name: 'cloister_agent_bids_total',
      help: 'Orders that were answered: with a bid, or with the reason why there is none.',
      label: 'outcome',
      read: () => bidder.counts,
    },
    {
      name: 'cloister_agent_settlements_total',
      help: 'Transactions that collected what leases had earned.',
      read: () => settlement.collections.count,
    },
  ])
}

function leases({ supervisor }: Worker): Observed[] {
  return [
    {
      name: 'cloister_agent_leases',
      help: 'Open leases, by how their containers are doing.',
      label: 'state',
      read: () => {
        const counts = Object.fromEntries(LEASE_STATES.map((state) => [state, 0]))
        for (const { id } of supervisor.openLeases()) {
          const state = supervisor.runner(id)?.state ?? 'waiting'
          counts[state] = (counts[state] ?? 0) + 1
        }
        return counts
      },
    },
  ]
}

function attestation({ attestor, settlement }: Worker): Observed[] {
  return [
    {
      name: 'cloister_agent_attestation_expiry_seconds',
      help: 'Seconds for which the worker is still covered; seconds without earn nothing.',
      read: () => attestor.state.secondsLeft,
    },
    {
      name: 'cloister_agent_attested_timestamp_seconds',
      help: 'When this process last attested; 0 where it has not.',
      read: () => attestor.state.attestedAt,
    },
    {
      name: 'cloister_agent_attestation_failures',
      help: 'Renewals that failed since the last that did not.',
      read: () => attestor.state.failures,
    },
    {
      name: 'cloister_agent_settled_timestamp_seconds',
      help: 'When this process last collected what leases had earned; 0 where it has not.',
      read: () => settlement.collections.lastAt,
    },
  ]
}

function chain({ newest }: Worker): Observed[] {
  return [
    {
      name: 'cloister_agent_chain_block',
      help: 'The chain’s newest block, as last heard.',
      read: () => newest.block,
    },
    {
      name: 'cloister_agent_chain_block_age_seconds',
      help: 'Since the chain’s newest block was first heard of.',
      read: () => newest.ageSeconds,
    },
  ]
}

function room({ config, store }: Worker): Observed[] {
  const capacity = capacityOf(config)
  const of = (
    name: string,
    help: string,
    amount: 'cpuMilli' | 'memoryMiB' | 'diskMiB' | 'gpus',
    unit: number,
  ) => ({
    name: `cloister_agent_${name}`,
    help,
    label: 'room',
    read: () => {
      const free = freeRoom(capacity, store.openLeases())[amount]
      return { used: (capacity[amount] - free) * unit, free: free * unit }
    },
  })
  const disk = async () => {
    const { bavail, blocks, bsize } = await statfs(config.folder)
    return { size: blocks * bsize, free: bavail * bsize }
  }
  return [
    of('cpus', 'CPUs to lend, taken by leases or free.', 'cpuMilli', 1 / 1000),
    of('memory_bytes', 'Memory to lend, taken by leases or free.', 'memoryMiB', BYTES_PER_MIB),
    of('disk_bytes', 'Disk to lend, taken by leases or free.', 'diskMiB', BYTES_PER_MIB),
    of('gpus', 'GPUs to lend, taken by leases or free.', 'gpus', 1),
    {
      name: 'cloister_agent_filesystem_bytes',
      help: 'The file system that the worker’s folder is on.',
      label: 'part',
      read: disk,
    },
  ]
}
