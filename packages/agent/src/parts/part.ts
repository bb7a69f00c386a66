import type { LastBlock } from '@cloister/operations'
import type { serverIdentity } from '../api/tls.ts'
import type { Attestor } from '../attestation.ts'
import type { Collecting } from '../collectors/collecting.ts'
import type { Domains } from '../domains/domains.ts'
import type { LeaseSupervisor } from '../leases/supervisor.ts'
import type { Machine } from '../machine.ts'
import type { LeaseNetworks } from '../networks/lease-networks.ts'
import type { Settlement } from '../settlement.ts'

/** Something that a worker does besides answering, for as long as it runs. */
interface Part {
  name: string
  /** Runs until `signal`; resolves once a worker that stops need wait for it no more. */
  start(signal: AbortSignal): Promise<void>
}

/** What the parts of a worker work on. */
interface Ground {
  machine: Machine
  supervisor: LeaseSupervisor
  settlement: Settlement
  domains: Domains
  attestor: Attestor
  collecting: Collecting
  /** Where private networks can be had. */
  networks: LeaseNetworks | undefined
  /** What is known of the chain's newest block. */
  newest: LastBlock
  /** Serves TLS with a renewed certificate. */
  identify: (identity: Awaited<ReturnType<typeof serverIdentity>>) => void
}

/** Makes a part out of what it works on. */
export type MakePart = (ground: Ground) => Part
