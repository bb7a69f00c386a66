import { intelRoot, type TrustRoot } from '@cloister/attest'
import { getAttestationAge, getConfirmedGpus, trustRootOf } from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { CloisterError, parsePolicy } from '@cloister/core'
import { verify } from '@cloister/sdk'
import { note, paint, printable, say, sayJson } from '@cloister/terminal'
import {
  type BundleVerdict,
  failuresOf,
  type PolicyFacts,
  verifyBundle,
  type Witness,
} from '@cloister/verify'
import { connect, findNetwork } from '../../context.ts'
import { type FileTrust, readFileOf, verifyEvidenceFile } from './file.ts'
import type { VerifyOptions } from './options.ts'
import { treeOf } from './tree.ts'

const MAX_BUNDLE_BYTES = 8 * 1024 * 1024

export async function runVerify(subject: string | undefined, options: VerifyOptions): Promise<void> {
  if ((subject === undefined) === (options.offline === undefined))
    throw new CloisterError(
      'bad-option',
      'Say what to verify: a lease, a URL or a worker, or --offline with a file.',
    )
  const path = options.offline ?? (subject !== undefined && isPath(subject) ? subject : undefined)
  const file = path === undefined ? undefined : readFileOf(path)
  if (file && !isBundle(file)) {
    if (options.policy !== undefined)
      throw new CloisterError(
        'bad-option',
        '--policy is for leases, workers and bundles: a file of evidence alone says nothing of the chain.',
      )
    const ok = await verifyEvidenceFile(file, options, {
      development: developmentFor(options),
      online: options.offline === undefined,
    })
    if (!ok) process.exitCode = 1
    return
  }
  const onChain =
    file === undefined ? undefined : options.policy?.split(',').find((term) => /^\s*(age|gpu)=/.test(term))
  if (onChain !== undefined)
    throw new CloisterError('bad-option', `A file can not tell what the chain says now: ${onChain.trim()}.`, {
      hint: 'Leave `age` and `gpu` out of --policy, or verify the lease itself.',
    })
  const { verdict, facts } =
    file === undefined
      ? await verifyNow(subject ?? '', options)
      : { verdict: await verifyRecorded(file, options), facts: { attestedSecondsAgo: 0 } }
  const failures =
    options.policy === undefined
      ? []
      : failuresOf(verdict, parsePolicy(options.policy, verdict.simulated), facts)
  const ok = verdict.genuine && failures.length === 0
  if (options.json) sayJson({ ok, policy: failures, ...verdict })
  else {
    for (const line of treeOf(verdict.groups)) say(line)
    for (const failure of verdict.genuine ? failures : [])
      say(`${paint('red', '✘')} Policy: ${printable(failure)}`)
    say('')
    const sentence =
      verdict.genuine && failures.length > 0
        ? `Every check holds, but it is not what the policy asks: ${failures[0]}`
        : verdict.sentence
    say(paint(!ok ? 'red' : verdict.simulated ? 'yellow' : 'green', printable(sentence)))
  }
  if (!ok) process.exitCode = 1
}

/**
 * The verdict, and what a policy asks besides: the chain says when it attested, and which GPUs are
 * confirmed.
 */
async function verifyNow(
  subject: string,
  options: VerifyOptions,
): Promise<{ verdict: BundleVerdict; facts: PolicyFacts }> {
  const connection = connect(options)
  const { bundle, verdict } = await verify.check(connection, subject)
  if (options.policy === undefined) return { verdict, facts: { attestedSecondsAgo: 0 } }
  const { address } = bundle.worker
  const { chain, index } = connection
  const [{ gpus }, attestedSecondsAgo, confirmed] = await Promise.all([
    index.worker(address),
    getAttestationAge(chain, address),
    getConfirmedGpus(chain, address),
  ])
  // All the GPUs that the worker says it has.
  return { verdict, facts: { attestedSecondsAgo, gpus: { wanted: gpus, models: [], confirmed } } }
}

async function verifyRecorded(file: Uint8Array, options: VerifyOptions): Promise<BundleVerdict> {
  const { root, witnesses, from } = trustFor(options)
  if (!options.json)
    note(
      paint(
        'dim',
        `Checked against ${from}. What the chain said is taken as the file has it.`,
        process.stderr,
      ),
    )
  return verifyBundle(JSON.parse(new TextDecoder().decode(file)), { root, witnesses })
}

/** Intel's root, unless a network of ours has another; and whose word on places we take. */
function trustFor(options: VerifyOptions): { root: TrustRoot; witnesses: readonly Witness[]; from: string } {
  try {
    const network = loadNetwork(findNetwork(options))
    const root = trustRootOf(network)
    return {
      root,
      witnesses: network.attestation.witnesses,
      from: root.name === 'intel' ? 'Intel’s root' : `the development root of the network ${network.name}`,
    }
  } catch (error) {
    if (options.network !== undefined) throw error
    return { root: intelRoot, witnesses: [], from: 'Intel’s root' }
  }
}

/** The development root of the network at hand, if it has one. */
function developmentFor(options: VerifyOptions): FileTrust['development'] {
  try {
    const network = loadNetwork(findNetwork(options))
    const root = trustRootOf(network)
    return root.name === 'devnet' ? { root, endorsementsUrl: network.attestation.endorsementsUrl } : undefined
  } catch (error) {
    if (options.network !== undefined) throw error
    return undefined
  }
}

/** Names of leases have neither slash nor dot; URLs have a colon before the first slash. */
function isPath(subject: string): boolean {
  return subject === '-' || (/[./]/.test(subject) && !/^[a-z][a-z0-9+.-]*:\/\//i.test(subject))
}

/** Whether a file is a bundle that `cloister evidence` wrote. */
function isBundle(file: Uint8Array): boolean {
  if (file.length > MAX_BUNDLE_BYTES || file[0] !== 0x7b) return false
  try {
    return JSON.parse(new TextDecoder().decode(file)).format === 'cloister-evidence/1'
  } catch {
    return false
  }
}
