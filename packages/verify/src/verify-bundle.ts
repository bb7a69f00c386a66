import {
  Findings,
  fromBase64,
  measurementOf,
  type Rule,
  type TrustRoot,
  type Verdict,
  verifyDstack,
} from '@cloister/attest'
import { statementDigest, workerBinding } from '@cloister/core'
import { concat, type Hex, hexToBytes, recoverAddress, sha256, toHex } from 'viem'
import { EvidenceBundle } from './bundle.ts'
import { APP, asRecorded, BLOCK, COVERAGE, MANIFEST, MEASUREMENT, STATEMENT } from './bundle-rules.ts'
import { judgeGuest } from './guest.ts'
import { verifyLabels, type Witness } from './place/labels.ts'
import { type BundleVerdict, sentenceOf, unreadable } from './verdict.ts'

const GUEST_ROLE = 1
const NOT_ON_CHAIN =
  ' Not checked on chain: the block, the measurement’s role, coverage and the lease are the file’s word.'

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
  const { hardware: verdict, binding } = await judgeGuest(
    {
      kind: bundle.evidence.kind,
      quote: fromBase64(bundle.evidence.quote, 'The evidence'),
      endorsements: bundle.endorsements,
    },
    { reportData: reportDataFor(bundle), root, instant: at },
  )
  const onChain = checkedOnChain ? (rule: Rule) => rule : asRecorded
  checkBlock(bundle, binding, onChain)
  const { findings: guest, measurement } = checkGuest(bundle, verdict, at, onChain)
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
    measurement,
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

/** How a rule reads for which the chain is the source. */
type OnChain = (rule: Rule) => Rule

/** What the report data of a bundle's quote has to be. */
function reportDataFor({ network, worker, evidence }: EvidenceBundle): Uint8Array {
  const binding = workerBinding({
    chainId: network.chainId,
    workers: network.workers,
    provider: worker.provider,
    worker: worker.address,
    tlsKeyHash: evidence.tlsKeyHash,
  })
  const { freshness } = evidence
  return hexToBytes(concat([binding, freshness.kind === 'block' ? freshness.hash : freshness.nonce]))
}

function checkBlock({ evidence, chain }: EvidenceBundle, findings: Findings, onChain: OnChain): void {
  const { freshness } = evidence
  if (freshness.kind !== 'block') return
  const { blockHash } = chain
  findings.note(onChain(BLOCK), blockHash === freshness.hash, blockHash ?? 'nothing', freshness.hash)
}

function checkGuest(
  { chain }: EvidenceBundle,
  verdict: Verdict,
  instant: number,
  onChain: OnChain,
): { findings: Findings; measurement: Hex | undefined } {
  const findings = new Findings()
  const measurement = measurementOf(verdict.measurements)
  findings.note(
    onChain(MEASUREMENT),
    measurement !== undefined && (chain.measurementRoles & GUEST_ROLE) !== 0,
    measurement ?? 'no measurement',
  )
  const until = new Date(chain.coveredUntil * 1000).toISOString().replace('.000Z', 'Z')
  findings.note(onChain(COVERAGE), chain.coveredUntil > instant, `until ${until}`)
  return { findings, measurement }
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
    const found = sha256(toHex(lease.manifest))
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
