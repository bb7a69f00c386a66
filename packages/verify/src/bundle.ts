import {
  type CheckGroup,
  type DstackIdentity,
  Findings,
  fromBase64,
  GuestCollateral,
  GuestKind,
  imageOf,
  type Problem,
  type Rule,
  type TrustRoot,
  type Verdict,
  verifyDstack,
  verifyGuest,
} from '@cloister/attest'
import { workerBinding } from '@cloister/core'
import { type Address, type Hex, hashTypedData, recoverAddress, sha256, toHex as toHexOf } from 'viem'
import { z } from 'zod'
import {
  APP,
  asRecorded,
  BINDING,
  BLOCK,
  COVERAGE,
  FRESHNESS,
  IMAGE,
  MANIFEST,
  STATEMENT,
} from './bundle-rules.ts'
import { type Place, verifyLabels, type Witness } from './place/labels.ts'

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/) as unknown as z.ZodType<Address>
const bytes32 = z.string().regex(/^0x[0-9a-f]{64}$/) as unknown as z.ZodType<Hex>
const hex = z
  .string()
  .regex(/^0x([0-9a-f]{2})*$/)
  .max(1024) as unknown as z.ZodType<Hex>
const seconds = z.int().min(0)

/** What a worker says it runs for a lease, signed by the key that its quote binds. */
export const RunStatement = z.object({
  lease: bytes32,
  /** SHA-256 of the canonical manifest that runs. */
  manifestHash: bytes32,
  /** Digest of each service's image, by service. */
  images: z.record(z.string().max(64), z.string().max(128)),
  /** Unix seconds. */
  instant: seconds,
  signature: hex,
})
export type RunStatement = z.infer<typeof RunStatement>

/** Everything needed to check a worker, and what it runs, without asking anybody. */
export const EvidenceBundle = z.object({
  format: z.literal('cloister-evidence/1'),
  /** Unix seconds at which it was put together, and at which everything in it is judged. */
  recordedAt: seconds,
  network: z.object({
    name: z.string().max(64),
    chainId: z.int().positive(),
    workers: address,
    market: address,
  }),
  worker: z.object({ address, provider: address, endpoint: z.string().max(512) }),
  evidence: z.object({
    /** The hardware; a TDX guest if not said. */
    kind: GuestKind.default('tdx'),
    /** TDX quote, SEV-SNP report or Nitro document, base64. */
    quote: z.base64().max(100_000),
    /** dstack's event log, JSON. */
    eventLog: z.string().max(4_000_000).optional(),
    tlsKeyHash: bytes32,
    /** What makes the quote fresh: the hash of a block, or a number that the verifier chose. */
    freshness: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('block'), number: z.int().min(0), hash: bytes32 }),
      z.object({ kind: z.literal('nonce'), nonce: bytes32 }),
    ]),
  }),
  collateral: GuestCollateral,
  /**
   * What the chain said when the bundle was made. Offline these are taken as they stand, and the verdict
   * says so.
   */
  chain: z.object({
    /** Unix seconds. */
    coveredUntil: seconds,
    /** Bit 1: governance lets the guest image earn. */
    imageRoles: z.int().min(0).max(255),
    /** Hash of the block that the evidence names, as the chain has it. */
    blockHash: bytes32.optional(),
  }),
  /** What witnesses say of where the machine stands; see `verifyLabels`. */
  labels: z.array(z.string().max(4096)).max(64).optional(),
  lease: z
    .object({
      id: bytes32,
      tenant: address,
      /** The manifest's hash on the lease. */
      manifestHash: bytes32,
      statement: RunStatement.optional(),
      /** The canonical manifest itself, where the tenant gave it away. */
      manifest: z.string().max(1_000_000).optional(),
    })
    .optional(),
})
export type EvidenceBundle = z.infer<typeof EvidenceBundle>

/** What checking a bundle concludes. */
export interface BundleVerdict {
  /** No problem was found. */
  genuine: boolean
  simulated: boolean
  /** False where what the chain has to say (block, image, coverage, lease) is the bundle's word. */
  checkedOnChain: boolean
  /** About the hardware alone. */
  verdict: Verdict
  /** Name of the guest image on chain. */
  image: Hex | undefined
  /** Where witnesses that the verifier believes say that the machine stands. */
  places: Place[]
  /** Which app a dstack machine runs, by its event log. */
  dstack: DstackIdentity | undefined
  groups: CheckGroup[]
  problems: Problem[]
  /** One sentence for people who are no experts. */
  sentence: string
}

const GUEST_ROLE = 1
const NOT_ON_CHAIN =
  ' Not checked on chain: the block, the image’s role, coverage and the lease are the file’s word.'

/** Whom to believe about a bundle, and as of when. */
export interface BundleTrust {
  root: TrustRoot
  witnesses?: readonly Witness[]
  /** Unix seconds to judge at; when it was recorded if not given. */
  instant?: number
  /** Whoever asks read the bundle's `chain` and `lease` from the chain itself, just now. */
  checkedOnChain?: boolean
}

/**
 * Checks a bundle wholly offline, at the instant it was recorded or another. `root` is the one that the
 * verifier believes in, and so are `witnesses`: never taken from the bundle. What they say of the place
 * decides nothing here; a policy may ask for it. What the chain has to say is the bundle's word unless
 * `checkedOnChain`, and the verdict says so. Never throws for what is in the bundle.
 */
export async function verifyBundle(
  input: unknown,
  { root, witnesses = [], instant, checkedOnChain = false }: BundleTrust,
): Promise<BundleVerdict> {
  const parsed = EvidenceBundle.safeParse(input)
  if (!parsed.success)
    return unreadable(
      `The bundle is wrong at ${parsed.error.issues[0]?.path.join('.') || 'its root'}: ${parsed.error.issues[0]?.message}.`,
    )
  const bundle = parsed.data
  const at = instant ?? bundle.recordedAt
  const verdict = await verifyGuest(
    bundle.evidence.kind,
    fromBase64(bundle.evidence.quote, 'The evidence'),
    bundle.collateral,
    { instant: at, root },
  )
  const onChain = checkedOnChain ? (rule: Rule) => rule : asRecorded
  const binding = checkBinding(bundle, verdict, onChain)
  const { findings: guest, image } = checkGuest(bundle, verdict, at, onChain)
  const app = bundle.lease && (await checkApp(bundle, bundle.lease, onChain))
  const dstack =
    bundle.evidence.eventLog === undefined ? undefined : await verifyDstack(verdict, bundle.evidence.eventLog)
  const { platform } = verdict
  const place =
    bundle.labels && platform !== undefined && verdict.genuine
      ? await verifyLabels(bundle.labels, { identity: platform, witnesses, instant: at })
      : undefined
  const problems = [
    ...verdict.problems,
    ...binding.problems,
    ...guest.problems,
    ...(dstack?.problems ?? []),
    ...(app?.problems ?? []),
  ]
  const genuine = verdict.genuine && problems.length === 0
  return {
    genuine,
    simulated: verdict.simulated,
    checkedOnChain,
    verdict,
    image,
    places: place?.places ?? [],
    dstack: dstack?.identity,
    groups: [
      { title: `Hardware: ${hardwareName(verdict)}`, checks: verdict.checks },
      { title: 'Worker: the quote is this worker’s, and fresh', checks: binding.checks },
      { title: 'Guest: the system it runs', checks: guest.checks },
      ...(place && place.findings.checks.length > 0
        ? [{ title: `Place: ${place.places[0]?.label ?? 'taken back'}`, checks: place.findings.checks }]
        : []),
      ...(dstack
        ? [
            {
              title: `dstack: ${dstack.identity ? `app ${dstack.identity.appId}` : 'no app'}`,
              checks: dstack.checks,
            },
          ]
        : []),
      ...(app ? [{ title: `App: lease ${bundle.lease?.id.slice(0, 10)}…`, checks: app.checks }] : []),
    ],
    problems,
    sentence:
      sentenceOf(genuine, verdict, problems, bundle) + (genuine && !checkedOnChain ? NOT_ON_CHAIN : ''),
  }
}

/** EIP-712 digest of a statement, which the worker's key signs. */
export function statementDigest(
  { lease, manifestHash, images, instant }: Omit<RunStatement, 'signature'>,
  chainId: number,
  market: Address,
): Hex {
  const canonical = JSON.stringify(Object.entries(images).sort(([a], [b]) => (a < b ? -1 : 1)))
  return hashTypedData({
    domain: { name: 'Cloister Statement', version: '1', chainId, verifyingContract: market },
    types: {
      Statement: [
        { name: 'lease', type: 'bytes32' },
        { name: 'manifestHash', type: 'bytes32' },
        { name: 'images', type: 'bytes32' },
        { name: 'instant', type: 'uint64' },
      ],
    },
    primaryType: 'Statement',
    message: { lease, manifestHash, images: sha256(toHexOf(canonical)), instant: BigInt(instant) },
  })
}

/** How a rule reads for which the chain is the source. */
type OnChain = (rule: Rule) => Rule

function checkBinding(
  { network, worker, evidence, chain }: EvidenceBundle,
  { reportData }: Verdict,
  onChain: OnChain,
): Findings {
  const findings = new Findings()
  const { chainId, workers } = network
  const wanted = workerBinding({
    chainId,
    workers,
    provider: worker.provider,
    worker: worker.address,
    tlsKeyHash: evidence.tlsKeyHash,
  })
  const [first, second] = [`0x${reportData.slice(0, 64)}`, `0x${reportData.slice(64)}`]
  findings.note(BINDING, first === wanted, first, wanted)
  const { freshness } = evidence
  const expected = freshness.kind === 'block' ? freshness.hash : freshness.nonce
  findings.note(FRESHNESS, second === expected, second, expected)
  if (freshness.kind === 'block')
    findings.note(
      onChain(BLOCK),
      chain.blockHash === freshness.hash,
      chain.blockHash ?? 'nothing',
      freshness.hash,
    )
  return findings
}

function checkGuest(
  { chain }: EvidenceBundle,
  verdict: Verdict,
  instant: number,
  onChain: OnChain,
): { findings: Findings; image: Hex | undefined } {
  const findings = new Findings()
  const image = imageOf(verdict.measurements)
  findings.note(
    onChain(IMAGE),
    image !== undefined && (chain.imageRoles & GUEST_ROLE) !== 0,
    image ?? 'no image',
  )
  const until = new Date(chain.coveredUntil * 1000).toISOString().replace('.000Z', 'Z')
  findings.note(onChain(COVERAGE), chain.coveredUntil > instant, `until ${until}`)
  return { findings, image }
}

async function checkApp(
  { network, worker }: EvidenceBundle,
  lease: NonNullable<EvidenceBundle['lease']>,
  onChain: OnChain,
): Promise<Findings> {
  const findings = new Findings()
  const { statement } = lease
  if (!statement) {
    findings.note(STATEMENT, false, 'no statement')
    return findings
  }
  const digest = statementDigest(statement, network.chainId, network.market)
  const signer = await recoverAddress({ hash: digest, signature: statement.signature }).catch(() => undefined)
  findings.note(
    STATEMENT,
    signer?.toLowerCase() === worker.address.toLowerCase(),
    signer ?? 'no signature',
    worker.address,
  )
  const same = statement.lease === lease.id && statement.manifestHash === lease.manifestHash
  findings.note(onChain(APP), same, statement.manifestHash, lease.manifestHash)
  if (lease.manifest !== undefined) {
    const found = sha256(toHexOf(lease.manifest))
    findings.note(MANIFEST, found === lease.manifestHash, found, lease.manifestHash)
  }
  return findings
}

function hardwareName({ kind, root }: Verdict): string {
  const makers = {
    intel: 'Intel',
    amd: 'AMD',
    aws: 'Amazon',
    nvidia: 'NVIDIA',
    devnet: 'a development platform (simulated)',
  }
  const maker = root === undefined ? 'of unknown make' : makers[root]
  return `${kind.toUpperCase()}, ${maker}`
}

function sentenceOf(
  genuine: boolean,
  verdict: Verdict,
  problems: Problem[],
  { lease, recordedAt }: EvidenceBundle,
): string {
  if (!genuine) return `Do not trust this: ${problems[0]?.message ?? 'the evidence could not be checked.'}`
  const when = new Date(recordedAt * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC')
  const what = lease ? 'the app of this lease ran' : 'this worker ran'
  if (verdict.simulated)
    return `Simulated: on ${when} ${what} on a development platform; every check holds, but the platform is software, so nothing was confidential.`
  const caution =
    verdict.tcb === undefined || verdict.tcb.status === 'UpToDate'
      ? ''
      : ` Its security updates were not complete (${verdict.tcb?.status}).`
  return `On ${when} ${what} in a genuine confidential machine, unchanged, and the host could not look inside.${caution}`
}

function unreadable(message: string): BundleVerdict {
  const problems = [{ code: 'bad-bundle', message }]
  const verdict: Verdict = {
    genuine: false,
    kind: 'tdx',
    root: undefined,
    simulated: false,
    tcb: undefined,
    measurements: {},
    reportData: '',
    debug: false,
    platform: undefined,
    claims: {},
    instant: 0,
    checks: [],
    problems,
  }
  return {
    genuine: false,
    simulated: false,
    checkedOnChain: false,
    verdict,
    image: undefined,
    places: [],
    dstack: undefined,
    groups: [],
    problems,
    sentence: `Do not trust this: ${message}`,
  }
}
