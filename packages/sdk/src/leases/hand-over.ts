import { getCredit, getLease, type Wallet, withdrawCredit } from '@cloister/chain'
import type { WorkerClient } from '@cloister/client'
import {
  CloisterError,
  type Collector,
  type DnsAccess,
  GrowingPause,
  type Manifest,
  type RegistryLogin,
  type SentContent,
} from '@cloister/core'
import type { Envelope } from '@cloister/secrets'
import type { Address, Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { readerOf } from './reading-key.ts'
import { type SendProgress, sendContents } from './send.ts'

const ACCEPT_MS = 30_000
/** Errors after which it is tried again, with requests that are signed anew. */
const AGAIN = new Set(['not-found', 'unreachable', 'chain-unreachable', 'internal', 'bad-answer', 'repeated'])

/** What a worker is given of a lease. */
export interface Handed {
  manifest: Manifest
  /** Sealed secrets that the manifest takes. */
  envelope?: Envelope | undefined
  /** Logins at the registries of its images. */
  logins?: readonly RegistryLogin[] | undefined
  /** Where its logs and metrics are to go. */
  collectors?: readonly Collector[] | undefined
  /** How DNS is changed for certificates of its domains. */
  dns?: DnsAccess | undefined
  /** What the manifest takes beside it; for an image its manifest, its configuration and its layers. */
  contents?: readonly SentContent[] | undefined
  /**
   * Fills volumes of the lease before it has a manifest, as `restoreVolumes` of @cloister/snapshots does. It
   * may be called again where the worker doesn't know the lease yet.
   */
  fill?: ((client: WorkerClient, lease: Hex) => Promise<void>) | undefined
}

/**
 * Gives the manifest to the worker, which may hear of the lease a moment after us. Throws `refused` once it
 * turned the lease down.
 */
export async function handOver(
  cloister: Cloister,
  client: WorkerClient,
  lease: Hex,
  { manifest, envelope, logins, collectors, dns, contents = [], fill }: Handed,
  tell?: (progress: SendProgress) => void,
): Promise<void> {
  let until = Date.now() + ACCEPT_MS
  let isFilled = false
  const reader = await readerOf(walletOf(cloister))
  const pauses = new GrowingPause({ firstMs: 50, longestMs: 1_000 })
  for (;;) {
    try {
      if (collectors) await client.putCollectors(lease, collectors)
      if (dns) await client.putDnsAccess(lease, dns)
      if (logins) await client.putLogins(lease, logins)
      if (envelope) await client.putSecrets(lease, envelope)
      if (contents.length > 0) {
        await sendContents(client, lease, contents, tell)
        until = Date.now() + ACCEPT_MS
      }
      if (fill && !isFilled) {
        await fill(client, lease)
        isFilled = true
        until = Date.now() + ACCEPT_MS
      }
      return await client.putManifest(lease, manifest, reader)
    } catch (error) {
      const again = error instanceof CloisterError && AGAIN.has(error.code)
      if (!again || Date.now() > until) throw error
      const wallet = walletOf(cloister)
      const { state, tokenIndex } = await getLease(wallet, lease)
      if (state === 'refused' || state === 'closed') {
        const token = cloister.network.tokens[tokenIndex]?.address
        const isBack = token === undefined || (await takeBack(wallet, token))
        const where = isBack
          ? 'The whole deposit is back.'
          : 'The deposit waits in the market for you to withdraw.'
        throw new CloisterError('refused', `The worker turned the lease down. ${where}`, {
          hint: { do: 'report-refusal', subject: lease },
          cause: error,
        })
      }
      await pauses.wait()
    }
  }
}

/** Withdraws what the account has as credit; false where the token doesn't move. */
export async function takeBack(wallet: Wallet, token: Address): Promise<boolean> {
  const { address } = wallet.account
  if ((await getCredit(wallet, address, token)) === 0n) return true
  return withdrawCredit(wallet, token, address).then(
    () => true,
    () => false,
  )
}
