import type { Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { GpuKeySet } from '@cloister/verify'
import { fetchJson } from '../ask.ts'

const ANSWER_MS = 10_000
const KEYS_KEPT_MS = 600_000

/** The keys that tokens about GPUs are signed with, kept for ten minutes. */
export class GpuKeys {
  private readonly url: string
  private kept: { at: number; set: GpuKeySet } | undefined

  constructor({ attestation }: Pick<Network, 'attestation'>) {
    this.url = attestation.gpuKeysUrl
  }

  /** Throws `no-endorsements`. */
  async get(): Promise<GpuKeySet> {
    if (this.kept && Date.now() - this.kept.at < KEYS_KEPT_MS) return this.kept.set
    try {
      const signal = AbortSignal.timeout(ANSWER_MS)
      const set = await fetchJson('The service of GPU keys', this.url, GpuKeySet, { signal })
      this.kept = { at: Date.now(), set }
      return set
    } catch (cause) {
      throw new CloisterError('no-endorsements', 'The key set for tokens about GPUs is not to be had.', {
        cause,
      })
    }
  }
}
