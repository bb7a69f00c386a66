import { gpuNonceOf } from '@cloister/attest'
import {
  getRoles,
  getTlsKeyHash,
  getWorker,
  reportDataOf,
  signVerdict,
  trustRootOf,
  type Wallet,
} from '@cloister/chain'
import { endorsementsFor, GpuKeys } from '@cloister/client'
import {
  CloisterError,
  type GuestEvidence,
  type VerdictReport,
  type VerdictRequest,
  verdictRequestTypedData,
} from '@cloister/core'
import { claimsOf, judgeGpus, judgeGuest } from '@cloister/verify'
import { type Address, type LocalAccount, recoverTypedDataAddress, zeroHash } from 'viem'

/** Blocks of age at which evidence is too old to be handed in still: the contract takes sixty. */
const MAX_BLOCKS_OLD = 45n
/** What guests of a measurement may do if their word about GPUs counts: bit 1, it may earn. */
const GUEST = 1

/** What was found in evidence. */
export type Found = Omit<VerdictReport, 'signature'>

/** Checks evidence that no contract can, for workers of other providers, and signs what it found. */
export class Verifier {
  private readonly chain: Wallet
  private readonly key: LocalAccount
  private readonly provider: Address
  private readonly gpuKeys: GpuKeys

  constructor({ chain, key, provider }: { chain: Wallet; key: LocalAccount; provider: Address }) {
    this.chain = chain
    this.key = key
    this.provider = provider
    this.gpuKeys = new GpuKeys(chain.network)
  }

  /**
   * A signed verdict on a worker's guest or GPUs. Throws `forbidden`, `bad-evidence` with what is wrong, or
   * `chain-unreachable`.
   */
  async judge(request: VerdictRequest): Promise<VerdictReport> {
    const { network } = this.chain
    const registered = await getWorker(this.chain, request.worker)
    if (!registered || registered.retired) throw new CloisterError('bad-evidence', 'There is no such worker.')
    const { provider } = registered
    if (provider === this.provider)
      throw new CloisterError('forbidden', 'A verdict on a worker of the same provider counts for nothing.')
    await this.checkSignature(request)
    const block = await this.freshBlock(request.block)
    const { kind, worker, tlsKeyHash } = request
    const reportData = reportDataOf(network, { provider, worker, tlsKeyHash }, block.hash)
    const found =
      request.kind === 'nvidia-gpus'
        ? await this.judgeGpus(request, reportData)
        : await this.judgeGuest(request, reportData)
    const signature = await signVerdict(network, this.key, {
      kind,
      worker,
      provider,
      tlsKeyHash,
      block,
      ...found,
    })
    return { ...found, signature }
  }

  /** Evidence names no worker's key, so the key names the evidence. */
  private async checkSignature({ signature, ...rest }: VerdictRequest): Promise<void> {
    const signer = await Promise.resolve()
      .then(() => {
        const { chainId, contracts } = this.chain.network
        const typed = verdictRequestTypedData(rest, chainId, contracts.workers)
        return recoverTypedDataAddress({ ...typed, signature })
      })
      .catch(() => undefined)
    if (signer !== rest.worker)
      throw new CloisterError('bad-evidence', 'The worker’s key did not sign the request.')
  }

  /**
   * The evidence shows GPUs that are in order somewhere. That they are this worker's is what its key says,
   * and the key is one to believe because hardware quotes, over the same data, that a guest holds it which
   * governance lists.
   */
  private async judgeGpus(
    request: Extract<VerdictRequest, { kind: 'nvidia-gpus' }>,
    reportData: Uint8Array,
  ): Promise<Found> {
    if ((await getTlsKeyHash(this.chain, request.worker)) !== request.tlsKeyHash)
      throw new CloisterError('bad-evidence', 'The TLS key is not the one that the worker attested.')
    await this.checkGuest(request.guest, reportData)
    const { measurement } = await claimsOf(request.guest.kind, bytesOf(request.guest.evidence))
    if (((await getRoles(this.chain, measurement)) & GUEST) === 0)
      throw new CloisterError(
        'bad-evidence',
        'The measurement of the guest that says it has the GPUs is not listed.',
      )
    const gpus = await judgeGpus(request, {
      keys: await this.gpuKeys.get(),
      nonce: await gpuNonceOf(reportData),
      root: trustRootOf(this.chain.network),
      instant: Math.floor(Date.now() / 1000),
    })
    return { ...gpus, measurement: zeroHash }
  }

  private async judgeGuest(
    request: Exclude<VerdictRequest, { kind: 'nvidia-gpus' }>,
    reportData: Uint8Array,
  ): Promise<Found> {
    await this.checkGuest(request, reportData)
    const { digest: measurement, platform } = await claimsOf(request.kind, bytesOf(request.evidence))
    return { platform, measurement, gpuClass: '', gpus: 0, gpuIds: [] }
  }

  /** Throws `bad-evidence` unless hardware signed this very report data, which names the worker's key. */
  private async checkGuest(guest: GuestEvidence, reportData: Uint8Array): Promise<void> {
    const quote = bytesOf(guest.evidence)
    const { network } = this.chain
    const { kind } = guest
    const given = kind === 'sev-snp' ? guest.endorsements : undefined
    const endorsements = await endorsementsFor(network, { kind, quote, endorsements: given })
    const { hardware, binding } = await judgeGuest(
      { kind, quote, endorsements },
      { reportData, root: trustRootOf(network), instant: Math.floor(Date.now() / 1000) },
    )
    if (!hardware.genuine)
      throw new CloisterError('bad-evidence', hardware.problems[0]?.message ?? 'The evidence is not genuine.')
    if (binding.problems.length > 0)
      throw new CloisterError(
        'bad-evidence',
        'The evidence was made for another provider, worker, TLS key, network or block.',
      )
  }

  private async freshBlock({ number, hash }: VerdictRequest['block']) {
    const { client } = this.chain
    const head = await client.getBlockNumber()
    const named = await client.getBlock({ blockNumber: BigInt(number) }).catch(() => undefined)
    if (named?.hash !== hash || head - named.number > MAX_BLOCKS_OLD)
      throw new CloisterError(
        'bad-evidence',
        'The block that the evidence is bound to is old, or not of this chain.',
      )
    return { number: named.number, hash }
  }
}

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}
