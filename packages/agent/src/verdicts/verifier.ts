import { EvidenceError, gpuClassOf, gpuNonceOf, identifyGpu, verifyGpuTokens, verifyGuest } from '@cloister/attest'
import { claimsOf, getWorker, nameGpus, reportDataOf, signVerdict, trustRootOf, type Wallet } from '@cloister/chain'
import { CloisterError, type VerdictReport, type VerdictRequest } from '@cloister/core'
import { type Address, type LocalAccount, zeroHash } from 'viem'
import { z } from 'zod'

/** Blocks of age at which evidence is too old to be handed in still. */
const MAX_BLOCKS_OLD = 200n
const ANSWER_MS = 10_000
const KEYS_KEPT_MS = 600_000
const KeySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(100) })

type Found = Omit<VerdictReport, 'signature'>

/** Checks evidence that no contract can, for workers of other providers, and signs what it found. */
export class Verifier {
  private readonly chain: Wallet
  private readonly key: LocalAccount
  private readonly provider: Address
  private keys: { at: number; set: z.infer<typeof KeySet> } | undefined

  constructor({ chain, key, provider }: { chain: Wallet; key: LocalAccount; provider: Address }) {
    this.chain = chain
    this.key = key
    this.provider = provider
  }

  /** A signed verdict on a worker's guest or GPUs. Throws `forbidden`, `bad-evidence` with what is wrong, or `chain-unreachable`. */
  async judge(request: VerdictRequest): Promise<VerdictReport> {
    const { network } = this.chain
    const registered = await getWorker(this.chain, request.worker)
    if (!registered || registered.retired) throw new CloisterError('bad-evidence', 'There is no such worker.')
    const { provider } = registered
    if (provider === this.provider) throw new CloisterError('forbidden', 'A verdict on a worker of the same provider counts for nothing.')
    const block = await this.freshBlock(request.block)
    const { kind, worker, tlsKeyHash } = request
    const reportData = reportDataOf(network, { provider, worker, tlsKeyHash }, block.hash)
    const found = request.kind === 'nvidia-gpus' ? await this.judgeGpus(request, reportData) : await this.judgeGuest(request, reportData)
    const signature = await signVerdict(network, this.key, { kind, worker, provider, tlsKeyHash, block, ...found })
    return { ...found, signature }
  }

  private async judgeGpus({ tokens, reports = [] }: Extract<VerdictRequest, { kind: 'nvidia-gpus' }>, reportData: Uint8Array): Promise<Found> {
    const keys = (await this.keySet()) as Parameters<typeof verifyGpuTokens>[1]['keys']
    const asked = { nonce: await gpuNonceOf(reportData), instant: Math.floor(Date.now() / 1000) }
    const verdict = await verifyGpuTokens(tokens, { keys, ...asked })
    if (!verdict.genuine) throw new CloisterError('bad-evidence', verdict.problems[0]?.message ?? 'The evidence is not genuine.')
    // Tokens say that a GPU is in order, its own report of what SKU it is.
    const skus = new Map<string, string | undefined>()
    for (const { report, certificates } of reports) {
      const { ueid, chipSku } = await identify(new Uint8Array(Buffer.from(report, 'base64')), certificates, { ...asked, root: trustRootOf(this.chain.network) })
      skus.set(ueid, chipSku)
    }
    const ueids = (verdict.platform ?? '').split(',')
    const gpuClass = gpuClassOf(
      verdict.claims['model'] ?? '',
      ueids.map((ueid) => skus.get(ueid)),
    )
    if (gpuClass === undefined) throw new CloisterError('bad-evidence', `GPUs of the model ${verdict.claims['model']} are of no class that counts.`)
    const named = nameGpus(ueids)
    return { ...named, image: zeroHash, gpuClass, gpus: Number(verdict.claims['gpus']) }
  }

  private async judgeGuest(request: Exclude<VerdictRequest, { kind: 'nvidia-gpus' }>, reportData: Uint8Array): Promise<Found> {
    const evidence = new Uint8Array(Buffer.from(request.evidence, 'base64'))
    const collateral = request.kind === 'sev-snp' ? request.collateral : {}
    const root = trustRootOf(this.chain.network)
    const verdict = await verifyGuest(request.kind, evidence, collateral, { instant: Math.floor(Date.now() / 1000), root })
    if (!verdict.genuine) throw new CloisterError('bad-evidence', verdict.problems[0]?.message ?? 'The evidence is not genuine.')
    if (verdict.reportData !== Buffer.from(reportData).toString('hex'))
      throw new CloisterError('bad-evidence', 'The evidence was made for another provider, worker, TLS key, network or block.')
    const { image, platform } = await claimsOf(request.kind, evidence)
    return { platform, image, gpuClass: '', gpus: 0, gpuIds: [] }
  }

  private async freshBlock({ number, hash }: VerdictRequest['block']) {
    const { client } = this.chain
    const head = await client.getBlockNumber()
    const named = await client.getBlock({ blockNumber: BigInt(number) }).catch(() => undefined)
    if (named?.hash !== hash || head - named.number > MAX_BLOCKS_OLD)
      throw new CloisterError('bad-evidence', 'The block that the evidence is bound to is old, or not of this chain.')
    return { number: named.number, hash }
  }

  private async keySet(): Promise<z.infer<typeof KeySet>> {
    if (this.keys && Date.now() - this.keys.at < KEYS_KEPT_MS) return this.keys.set
    try {
      const response = await fetch(this.chain.network.attestation.gpuKeysUrl, { signal: AbortSignal.timeout(ANSWER_MS), redirect: 'error' })
      const set = KeySet.parse(await response.json())
      this.keys = { at: Date.now(), set }
      return set
    } catch (cause) {
      throw new CloisterError('no-collateral', 'The key set for tokens about GPUs is not to be had.', { cause })
    }
  }
}

/** Throws `bad-evidence`. */
async function identify(...parameters: Parameters<typeof identifyGpu>): ReturnType<typeof identifyGpu> {
  try {
    return await identifyGpu(...parameters)
  } catch (cause) {
    if (!(cause instanceof EvidenceError)) throw cause
    throw new CloisterError('bad-evidence', cause.message, { cause })
  }
}
