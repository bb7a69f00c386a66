import type { Network } from '@cloister/chain'
import { fetchJson, workerOfRecord } from '@cloister/client'
import { CloisterError, ROUTE_HEADER } from '@cloister/core'
import type { Address, Hex } from 'viem'
import * as z from 'zod'

const ANSWER_MS = 60_000
/** Receipts have one or two kilobytes, and a batch four thousand of them at the most. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024

/** A worker as it was last registered and attested. */
export interface KnownWorker {
  worker: Address
  endpoint: string
  tlsKeyHash: Hex | undefined
}

/**
 * Asks a lease's door for a batch through its worker. On a real network only workers over TLS are asked, by
 * their attested keys: what others name as their address may be anybody's. Throws `unreachable`,
 * `not-attested`, `forbidden-address`, `bad-answer`, and what the door says.
 */
export async function fetchBatch(
  network: Network,
  { worker, endpoint, tlsKeyHash }: KnownWorker,
  { lease, era, index }: { lease: Hex; era: bigint; index: number },
  signal: AbortSignal,
): Promise<unknown> {
  if (!network.development && !endpoint.startsWith('https:'))
    throw new CloisterError('forbidden-address', 'Only workers over TLS are asked for receipts.')
  const { connection } = workerOfRecord(network, { worker, endpoint, tlsKeyHash })
  return fetchJson('The worker', connection.urlOf(`/v1/anchors/${era}/${index}`), z.unknown(), {
    headers: { [ROUTE_HEADER]: `${lease}/` },
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    maxBytes: MAX_ANSWER_BYTES,
    send: connection.send,
  })
}
