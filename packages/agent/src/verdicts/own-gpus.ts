import { gpuNonceOf } from '@cloister/attest'
import { type FreshBlock, handInVerdict, reportDataOf, trustRootOf, type Wallet } from '@cloister/chain'
import { GpuKeys } from '@cloister/client'
import { CloisterError, type GuestEvidence } from '@cloister/core'
import { judgeGpus } from '@cloister/verify'
import { type Address, type Hex, type LocalAccount, zeroHash } from 'viem'
import type { Evidence, EvidenceSource } from '../evidence/source.ts'
import type { Log } from '../log.ts'
import type { Sequence } from '../sequence.ts'
import { collectVerdict } from './collect.ts'

/** What it takes to have a worker's GPUs vouched for. */
export interface Confirming {
  wallet: Wallet
  key: LocalAccount
  provider: Address
  tlsKeyHash: Hex
  source: EvidenceSource
  sequence: Sequence
  log: Log
}

/**
 * Has this worker's GPUs vouched for: makes evidence bound to a block, about the GPUs and about itself,
 * judges it, asks covered workers of other providers for the same verdict, and hands in as many as the
 * contract wants. Throws `no-evidence`, `bad-evidence` or `too-few-verdicts`.
 */
export async function confirmOwnGpus(
  { wallet, key, provider, tlsKeyHash, source, sequence, log }: Confirming,
  block: FreshBlock,
): Promise<void> {
  if (!source.gpuEvidence)
    throw new CloisterError('no-evidence', 'This machine has nothing to prove its GPUs with.', {
      hint: 'Name a program under `gpuEvidence` in the configuration.',
    })
  const { network } = wallet
  const reportData = reportDataOf(network, { provider, worker: key.address, tlsKeyHash }, block.hash)
  const nonce = await gpuNonceOf(reportData)
  const gpus = await source.gpuEvidence(nonce)
  const judged = await judgeGpus(gpus, {
    keys: await new GpuKeys(network).get(),
    nonce,
    root: trustRootOf(network),
    instant: Math.floor(Date.now() / 1000),
  })
  const own = { ...judged, measurement: zeroHash }
  const guest = guestEvidence(await source.quote(reportData))
  const bound = { worker: key.address, tlsKeyHash, block: { number: Number(block.number), hash: block.hash } }
  const request = { kind: 'nvidia-gpus', ...bound, ...gpus, guest } as const
  const [verdict, signatures] = await collectVerdict({ wallet, key, provider, request, own })
  await sequence.run(() => handInVerdict(wallet, verdict, signatures))
  log('info', 'GPUs confirmed', {
    gpuClass: verdict.gpuClass,
    gpus: verdict.gpus,
    verifiers: signatures.length,
  })
}

/**
 * Evidence about the guest as it is sent to verifiers. Throws `no-evidence` where SEV-SNP's certificates are
 * missing.
 */
export function guestEvidence({ kind, quote, endorsements }: Evidence): GuestEvidence {
  const evidence = Buffer.from(quote).toString('base64')
  if (kind !== 'sev-snp') return { kind, evidence }
  if (endorsements) return { kind, evidence, endorsements }
  throw new CloisterError(
    'no-evidence',
    'There are no certificates of AMD’s with this evidence for verifiers to check.',
  )
}
