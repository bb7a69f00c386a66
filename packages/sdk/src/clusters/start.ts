import { CloisterError, GrowingPause, type Manifest } from '@cloister/core'
import type { Hex } from 'viem'
import type { Cloister } from '../cloister.ts'
import { type Handed, handOver } from '../leases/hand-over.ts'
import { untilReached } from '../leases/reach.ts'
import { failedContainer, lastLinesOf, untilStarted } from '../leases/start.ts'
import { sessionOf } from '../session.ts'
import type { ClusterRecord } from './journal.ts'

/** Leases that are dealt with at one time. */
const AT_ONCE = 8
/** For tunnels to be there, relayed ones as well. */
const CONNECT_MS = 120_000

export interface StartParameters extends Omit<Handed, 'manifest' | 'fill'> {
  onStep?: ((step: 'manifest' | 'start' | 'network' | 'address', detail: string) => void) | undefined
  timeoutMs?: number | undefined
}

/**
 * Hands each lease of a cluster its manifest, and waits until all run, reach each other over the network, and
 * can be reached. Throws what the first throws that doesn't, and `unreachable`.
 */
export async function startMembers(
  cloister: Cloister,
  { members }: ClusterRecord,
  manifests: readonly Manifest[],
  parameters: StartParameters,
): Promise<void> {
  const { onStep = () => {}, timeoutMs } = parameters
  const clients = await Promise.all(
    members.map(async ({ worker }) => sessionOf(cloister, await cloister.index.worker(worker)).worker),
  )
  const each = async (
    step: Parameters<typeof onStep>[0],
    work: (lease: Hex, client: (typeof clients)[number], manifest: Manifest) => Promise<unknown>,
  ) => {
    let done = 0
    onStep(step, `0 of ${members.length}`)
    await inParallel(members.length, async (rank) => {
      const [lease, client, manifest] = [members[rank]?.lease, clients[rank], manifests[rank]]
      if (!lease || !client || !manifest) throw new TypeError('there is no such rank')
      await work(lease, client, manifest)
      onStep(step, `${++done} of ${members.length}`)
    })
  }
  await each('manifest', (lease, client, manifest) =>
    handOver(cloister, client, lease, { ...parameters, manifest }),
  )
  await each('start', async (lease, client, manifest) => {
    try {
      await untilStarted(client, lease, { manifest, timeoutMs }, () => {})
    } catch (error) {
      const container = failedContainer(error)
      // Closing may take its output with it.
      const last = container === undefined ? undefined : await lastLinesOf(client, lease, container)
      if (last && error instanceof CloisterError) Object.assign(error.details, { last, lease })
      throw error
    }
  })
  const until = Date.now() + CONNECT_MS
  await each('network', async (lease, client) => {
    const pauses = new GrowingPause({ firstMs: 100, longestMs: 1_000 })
    for (;;) {
      const { peers, problem } = await client.network(lease).catch(() => ({ peers: [], problem: undefined }))
      const reached = peers.filter(
        // Without a name it is not yet in /etc/hosts by the one that the others are told.
        ({ name, tunnels }) =>
          name !== '' && tunnels.length > 0 && tunnels.every(({ way }) => way !== 'none'),
      )
      if (reached.length >= members.length - 1) return
      if (Date.now() > until)
        throw new CloisterError(
          'unreachable',
          `A lease reaches ${reached.length} of ${members.length - 1} others over the network. ${problem ?? ''}`.trim(),
          { hint: 'Take other workers: --provider, --max-price.', details: { lease } },
        )
      await pauses.wait()
    }
  })
  await each('address', (lease, _, manifest) => untilReached(cloister, lease, manifest))
}

/** Does something for 0 to `count` - 1, a few at a time. Rejects with the first error, once all are done. */
async function inParallel(count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0
  let failure: { error: unknown } | undefined
  const worker = async () => {
    while (next < count && !failure) {
      try {
        await work(next++)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker))
  if (failure) throw failure.error
}
