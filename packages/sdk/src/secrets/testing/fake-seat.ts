import { type Network, reportDataOf } from '@cloister/chain'
import { CloisterError, statementDigest } from '@cloister/core'
import type { DevelopmentPlatform } from '@cloister/development/root'
import { type Address, type Hex, keccak256, toHex, zeroHash } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

/** What the key service's instances run, by the chain's word. */
export const MANIFEST_HASH = keccak256(toHex('the key service'))

/** What an instance answers, by path: JSON, or an error that it throws. */
export type Answers = Record<string, unknown>

/** A worker that proves itself, and the instance on it, which answers what it is told to. */
export class FakeSeat {
  readonly key = privateKeyToAccount(generatePrivateKey())
  readonly provider: Address
  readonly platform: DevelopmentPlatform
  endpoint = ''
  lease: Hex = zeroHash
  /** What the worker states that the lease runs. */
  runs: Hex = MANIFEST_HASH
  /** Paths that the instance was asked for. */
  asked: string[] = []
  private readonly network: Network
  private answers: Answers = {}

  constructor(network: Network, provider: Address, platform: DevelopmentPlatform) {
    this.network = network
    this.provider = provider
    this.platform = platform
  }

  reset(answers: Answers): void {
    Object.assign(this, { answers, asked: [], runs: MANIFEST_HASH })
  }

  /** The JSON that a path has. Throws `not-found`, or what the instance is told to. */
  async answer(path: string, route: string | undefined): Promise<unknown> {
    if (route === `${this.lease}/`) {
      this.asked.push(path)
      const found = this.answers[path]
      if (found instanceof Error) throw found
      if (found !== undefined) return found
    }
    const [, nonce] = /^\/v1\/evidence\?nonce=(0x[0-9a-f]{64})$/.exec(path) ?? []
    if (nonce !== undefined) return this.evidence(nonce as Hex)
    if (path === `/v1/leases/${this.lease}/statement`) return this.statement()
    throw new CloisterError('not-found', 'There is no such thing.')
  }

  private evidence(nonce: Hex) {
    const bound = { provider: this.provider, worker: this.key.address, tlsKeyHash: zeroHash }
    const quote = this.platform.quote(reportDataOf(this.network, bound, nonce))
    return { ...bound, quote: Buffer.from(quote).toString('base64'), freshness: { kind: 'nonce', nonce } }
  }

  private async statement() {
    const { chainId, contracts } = this.network
    const instant = Math.floor(Date.now() / 1000)
    const said = { lease: this.lease, manifestHash: this.runs, images: {}, instant }
    return {
      ...said,
      signature: await this.key.sign({ hash: statementDigest(said, chainId, contracts.market) }),
    }
  }
}
