import { CloisterError, type WorkerRecord } from '@cloister/core'
import { WorkerClient } from './client.ts'
import type { ConnectionParts } from './connection/connection.ts'

/**
 * A worker as the index describes it, for what nobody has to trust: bids are signed, evidence is checked.
 * Over TLS it is held to the key that the chain's events name. Its requests throw `not-attested` where there
 * is none.
 *
 * @example
 * ```ts
 * import { workerOfRecord } from '@cloister/sdk'
 *
 * const record = await cloister.index.worker(worker)
 * const { name, free } = await workerOfRecord(cloister.network, record).report()
 * ```
 */
export function workerOfRecord(
  network: ConnectionParts['network'],
  { worker, endpoint, tlsKeyHash }: Pick<WorkerRecord, 'worker' | 'endpoint' | 'tlsKeyHash'>,
): WorkerClient {
  return new WorkerClient({
    worker,
    endpoint,
    network,
    attestedKey: async () => {
      if (tlsKeyHash) return tlsKeyHash
      throw new CloisterError(
        'not-attested',
        `The worker ${worker} has attested no TLS key, so it is not spoken to.`,
      )
    },
  })
}
