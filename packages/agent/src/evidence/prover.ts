import { type AttestedWorker, type Network, reportDataOf } from '@cloister/chain'
import { endorsementsFor } from '@cloister/client'
import { purposeTypedData } from '@cloister/core'
import type { WorkerEvidence } from '@cloister/workload/wire'
import type { Hex, LocalAccount } from 'viem'
import type { EvidenceSource } from './source.ts'

interface Parts {
  network: Network
  key: LocalAccount
  source: EvidenceSource
  binding: AttestedWorker
}

/**
 * Evidence about this machine for others to judge without asking anybody: a quote, endorsements, and the
 * worker's word what it is for.
 */
export class WorkerProver {
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  /**
   * `purpose` is a digest that says what the quote is for; nobody but this agent's own code names one.
   * Throws `no-evidence` or `no-endorsements`.
   */
  async prove(purpose: Hex): Promise<WorkerEvidence> {
    const { network, key, source, binding } = this.parts
    const evidence = await source.quote(reportDataOf(network, binding, purpose))
    const { kind, quote, eventLog } = evidence
    const [endorsements, signature] = await Promise.all([
      endorsementsFor(network, evidence),
      key.signTypedData(purposeTypedData(purpose, network.chainId)),
    ])
    return {
      worker: key.address,
      signature,
      kind,
      tlsKeyHash: binding.tlsKeyHash,
      quote: Buffer.from(quote).toString('base64'),
      ...(eventLog !== undefined && { eventLog }),
      endorsements,
    }
  }
}
