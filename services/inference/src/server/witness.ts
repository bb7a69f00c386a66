import { loop, messageOf } from '@cloister/core'
import type { WorkerEvidence } from '@cloister/workload/wire'
import type { Hex } from 'viem'
import { NONE } from '../protocol/constants.ts'
import { type Attestation, attestationData, type Endpoint } from '../protocol/endpoint.ts'
import { evidenceDigest } from '../protocol/receipt.ts'
import type { Store } from './store.ts'

/** Milliseconds for which evidence that receipts name is served again. */
const EVIDENCE_MS = 3_600_000
const RETRY_MS = 5_000

/** Has the worker quote what clients need to believe the door. */
export class Witness {
  private readonly agent: { quote(data: Hex): Promise<WorkerEvidence> }
  private readonly store: Store
  private readonly endpoint: () => Endpoint
  private readonly log: (line: string) => void
  private standing: { attestation: Attestation; digest: Hex } | undefined

  constructor(
    agent: { quote(data: Hex): Promise<WorkerEvidence> },
    store: Store,
    endpoint: () => Endpoint,
    log: (line: string) => void,
  ) {
    this.agent = agent
    this.store = store
    this.endpoint = endpoint
    this.log = log
  }

  /** Evidence over a number of the client's. */
  async attest(nonce: Hex): Promise<Attestation> {
    const endpoint = this.endpoint()
    const evidence = await this.agent.quote(attestationData({ ...endpoint, nonce }))
    return { ...endpoint, nonce, evidence }
  }

  /** The evidence that receipts name: an hour old at the most. */
  async current(): Promise<Attestation> {
    return { ...(this.standing ?? (await this.renew())).attestation, ...this.endpoint() }
  }

  /** Its digest; 32 zero bytes before there is any. */
  digest(): Hex {
    return this.standing?.digest ?? NONE
  }

  /** Renews the standing evidence until `signal`. */
  async keep(signal: AbortSignal): Promise<void> {
    await loop(signal, async () => {
      try {
        await this.renew()
        return EVIDENCE_MS
      } catch (error) {
        this.log(`no evidence yet: ${messageOf(error)}`)
        return RETRY_MS
      }
    })
  }

  private async renew() {
    const attestation = await this.attest(NONE)
    const digest = evidenceDigest(attestation.evidence)
    this.store.keepEvidence(digest, JSON.stringify(attestation.evidence))
    this.standing = { attestation, digest }
    return this.standing
  }
}
