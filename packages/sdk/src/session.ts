import { getAttestationAge, getConfirmedGpus, getLease } from '@cloister/chain'
import {
  type GatherOptions,
  gatherEvidence,
  requireTls,
  trustOf,
  type Verified,
  WorkerClient,
  workerOfRecord,
} from '@cloister/client'
import {
  CloisterError,
  type LeaseRecord,
  Memo,
  type Policy,
  type Resources,
  type WorkerRecord,
} from '@cloister/core'
import { type Demands, type EvidenceBundle, judge, requireMet } from '@cloister/verify'
import type { Address, Hex } from 'viem'
import { type Cloister, walletOf } from './cloister.ts'

/** Whom a session is with: a worker as the index describes it, and a lease on it where there is one. */
export type Counterpart = Pick<WorkerRecord, 'worker' | 'provider' | 'endpoint' | 'tlsKeyHash'> &
  Partial<Pick<LeaseRecord, 'lease' | 'tenant'>>

const EVIDENCE_MS = 15_000
const sessions = new WeakMap<Cloister, Map<string, Session>>()

/**
 * The session with a worker or about a lease: one for each, while the index says the same of it. Nothing is
 * asked yet.
 *
 * @example
 * ```ts
 * import { sessionOf } from '@cloister/sdk'
 *
 * const session = sessionOf(cloister, await cloister.index.worker(worker))
 * const { verdict } = await session.verify()
 * ```
 */
export function sessionOf(cloister: Cloister, about: Counterpart): Session {
  const known = sessions.get(cloister) ?? new Map<string, Session>()
  sessions.set(cloister, known)
  const { worker, provider, endpoint, tlsKeyHash, lease, tenant } = about
  const name = [worker, provider, endpoint, tlsKeyHash, lease, tenant].join(' ')
  const session = known.get(name) ?? new Session(cloister, about)
  known.set(name, session)
  return session
}

/**
 * A client's dealings with one worker, about one lease or none yet: whom it speaks to, and on what ground it
 * trusts them. `stranger` is the worker by the word of the index, asked for what proves itself. `worker` is
 * asked for everything else, over connections to the key alone that evidence names which was checked here,
 * once, when first needed.
 *
 * @example
 * ```ts
 * import { leases, parsePolicy, type Session } from '@cloister/sdk'
 *
 * const session: Session = await leases.openSession(cloister, 'my-app')
 * await session.demand(parsePolicy('root=intel', false), { gpus: 0, gpuModels: [] })
 * console.log((await session.worker.report()).name)
 * ```
 */
export class Session {
  readonly cloister: Cloister
  readonly about: Counterpart
  /** For bids, which are signed, and for evidence. */
  readonly stranger: WorkerClient
  private trusted: WorkerClient | undefined
  private readonly key = new Memo(() => this.findKey())

  constructor(cloister: Cloister, about: Counterpart) {
    this.cloister = cloister
    this.about = about
    this.stranger = workerOfRecord(cloister.network, about)
  }

  /** The worker, over its attested key. Throws `not-attested` where it has no TLS. */
  get worker(): WorkerClient {
    const { network, wallet } = this.cloister
    const { endpoint, worker } = this.about
    requireTls(network, endpoint)
    this.trusted ??= new WorkerClient({
      endpoint,
      worker,
      wallet,
      network,
      attestedKey: () => this.key.get(),
      beside: this.stranger,
    })
    return this.trusted
  }

  /** The same, for what only the tenant may ask. Throws `no-wallet` or `forbidden`. */
  get asTenant(): WorkerClient {
    const { account } = walletOf(this.cloister)
    const { lease, tenant } = this.about
    if (account.address !== tenant)
      throw new CloisterError(
        'forbidden',
        `The lease ${lease?.slice(2, 18)} belongs to ${tenant}, and this account is ${account.address}.`,
        { hint: { do: 'name-account' } },
      )
    return this.worker
  }

  /**
   * Has the worker quote a number of ours, or takes the quote it last handed in on chain, and judges it; for
   * a lease, what runs too. What is genuine and of this moment is from now on the ground that the worker is
   * trusted on. Throws what `gatherEvidence` throws.
   */
  async verify(demands?: Demands, options: Partial<GatherOptions> = {}): Promise<Verified> {
    const { lease, tenant } = this.about
    const { fresh = true } = options
    const bundle = await this.gather({ ...options, fresh }, lease && tenant && { lease, tenant })
    const verdict = await judge(bundle, trustOf(this.cloister.network), demands)
    if (verdict.genuine && fresh) this.trust(bundle)
    return { bundle, verdict }
  }

  /**
   * Holds the worker against a policy, before money or a manifest goes there. Throws `policy`, `bad-evidence`
   * where it isn't the provider's that the index says, and what `gatherEvidence` throws.
   */
  async demand(
    policy: Policy,
    { gpus: wanted, gpuModels: models }: Pick<Resources, 'gpus' | 'gpuModels'>,
  ): Promise<void> {
    const { chain, network } = this.cloister
    const { worker, lease } = this.about
    const [bundle, attestedSecondsAgo, confirmed] = await Promise.all([
      this.gather({ fresh: true }),
      getAttestationAge(chain, worker),
      wanted > 0 ? getConfirmedGpus(chain, worker) : undefined,
    ])
    // Whoever chose a provider chose it by what the index says.
    const { provider } = bundle.worker
    if (provider !== this.about.provider)
      throw new CloisterError(
        'bad-evidence',
        `The index says that the worker ${worker} is ${this.about.provider}'s; the chain says ${provider}'s.`,
      )
    const facts = { attestedSecondsAgo, gpus: confirmed && { wanted, models, confirmed } }
    requireMet(await judge(bundle, trustOf(network), { policy, facts }))
    // Whether a lease is on this worker was not asked here.
    if (lease === undefined) this.trust(bundle)
  }

  private gather(
    { fresh, signal = AbortSignal.timeout(EVIDENCE_MS) }: GatherOptions,
    lease?: { lease: Hex; tenant: Address },
  ): Promise<EvidenceBundle> {
    const { worker, endpoint, tlsKeyHash } = this.about
    const subject = { worker, endpoint, tlsKeyHash, ...(lease && { lease }) }
    return gatherEvidence(this.cloister.chain, subject, {
      fresh,
      signal,
      client: this.stranger,
      send: this.cloister.send,
    })
  }

  private trust({ evidence }: EvidenceBundle): void {
    this.key.set(evidence.tlsKeyHash)
  }

  /** The worker's TLS key, out of evidence that is checked now. Throws `not-attested`. */
  private async findKey(): Promise<Hex> {
    const { worker, lease } = this.about
    const gathering = this.gather({ fresh: true })
    // What goes wrong with it is told where it is waited for.
    gathering.catch(() => {})
    // Which worker a lease is on is the chain's to say.
    const onChain = lease && (await getLease(this.cloister.chain, lease))
    if (onChain && onChain.worker !== worker)
      throw new CloisterError(
        'not-attested',
        `The index says that the lease is on the worker ${worker}; the chain says ${onChain.worker}.`,
      )
    const bundle = await gathering
    const { genuine, problems } = await judge(bundle, trustOf(this.cloister.network))
    if (!genuine)
      throw new CloisterError(
        'not-attested',
        `The worker ${worker} is not to be trusted: ${problems[0]?.message ?? 'its evidence is not genuine.'}`,
        { hint: { do: 'verify-worker', subject: worker } },
      )
    return bundle.evidence.tlsKeyHash
  }
}
