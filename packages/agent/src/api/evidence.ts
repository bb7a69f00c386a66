import { CloisterError, type EvidenceReport, type StatementReport, statementDigest } from '@cloister/core'
import type { Hex } from 'viem'
import type { Evidence } from '../evidence/source.ts'
import type { Accepted } from '../store.ts'
import type { Worker } from './worker.ts'

/** The evidence last handed in, or fresh evidence over `nonce`. Throws `too-busy` or `no-evidence`. */
export async function evidenceReport(
  { attestor, key }: Worker,
  nonce: Hex | undefined,
): Promise<EvidenceReport> {
  const common = { worker: key.address, provider: attestor.provider, tlsKeyHash: attestor.tlsKeyHash }
  const encoded = ({ kind, quote, eventLog, endorsements }: Evidence) => ({
    kind,
    quote: Buffer.from(quote).toString('base64'),
    ...(endorsements && { endorsements }),
    ...(eventLog !== undefined && { eventLog }),
  })
  if (nonce === undefined) {
    const { latest } = attestor
    if (!latest)
      throw new CloisterError('too-busy', 'The worker has not attested yet; ask again in a moment.')
    return {
      ...common,
      ...encoded(latest),
      freshness: { kind: 'block', number: Number(latest.block.number), hash: latest.block.hash },
    }
  }
  return {
    ...common,
    ...encoded(await attestor.quoteForStranger(nonce)),
    freshness: { kind: 'nonce', nonce },
  }
}

/** What runs for a lease, signed by the worker's key, which its quotes bind. */
export async function statementReport(
  { key, network }: Worker,
  lease: Hex,
  { hash, images, manifest }: Accepted,
): Promise<StatementReport> {
  const digests = Object.entries(manifest.services).map(([service, { image }]): [string, string] => [
    service,
    images[image]?.digest ?? image,
  ])
  const statement = {
    lease,
    manifestHash: hash,
    images: Object.fromEntries(digests),
    instant: Math.floor(Date.now() / 1000),
  }
  const signature = await key.sign({
    hash: statementDigest(statement, network.chainId, network.contracts.market),
  })
  return { ...statement, signature }
}
