import type { Network, Wallet } from '@cloister/chain'
import type { Executor } from '@cloister/executors'
import type { LastBlock, Readiness } from '@cloister/operations'
import type { PrivateKeyAccount } from 'viem/accounts'
import type { Attestor } from '../attestation.ts'
import type { Bidder } from '../bidding/bidder.ts'
import type { Collecting } from '../collectors/collecting.ts'
import type { AgentConfig } from '../config.ts'
import type { Domains } from '../domains/domains.ts'
import type { LeaseSupervisor } from '../leases/supervisor.ts'
import type { Log } from '../log.ts'
import type { LeaseNetworks } from '../networks/lease-networks.ts'
import type { SentRoom } from '../sent/sent-room.ts'
import type { Settlement } from '../settlement.ts'
import type { Store } from '../store.ts'
import type { Verifier } from '../verdicts/verifier.ts'
import type { VolumeRoom } from '../volumes/volume-room.ts'

/** The parts of a running worker that its HTTP interface speaks for. */
export interface Worker {
  config: AgentConfig
  network: Network
  chain: Wallet
  key: PrivateKeyAccount
  store: Store
  executor: Executor
  supervisor: LeaseSupervisor
  bidder: Bidder
  attestor: Attestor
  /** Where this worker checks evidence for others. */
  verifier: Verifier | undefined
  settlement: Settlement
  collecting: Collecting
  domains: Domains
  /** What is known of the chain's newest block. */
  newest: LastBlock
  readiness: Readiness
  sent: SentRoom
  /** Where private networks can be had. */
  networks: LeaseNetworks | undefined
  volumes: VolumeRoom
  log: Log
}
