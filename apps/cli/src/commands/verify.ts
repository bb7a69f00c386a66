import { readFileSync, writeFileSync } from 'node:fs'
import { type BundleVerdict, intelRoot, type TrustRoot, verifyBundle, type Witness } from '@cloister/attest'
import { getConfirmedGpus, loadNetwork, trustRootOf } from '@cloister/chain'
import { CloisterError, parsePolicy } from '@cloister/core'
import { evidence, failuresOf, type PolicyFacts, verify } from '@cloister/sdk'
import { note, paint, printable, say, sayJson } from '@cloister/terminal'
import type { Command } from 'commander'
import { command, connect, findNetwork, type Globals } from '../context.ts'
import { type ManifestOptions, readManifestFile, withManifestOptions } from '../manifest-file.ts'
import { instant } from '../show.ts'

const MAX_BUNDLE_BYTES = 8 * 1024 * 1024

interface VerifyOptions extends Globals {
  offline?: string
  policy?: string
}

export function addVerify(program: Command): void {
  command(
    program,
    'verify [subject]',
    'check the machine, the guest and the app of a lease, URL or worker; asks nobody to be believed',
    'cloister verify my-app',
  )
    .option('--offline <bundle>', 'check a file that `cloister evidence` wrote, at the instant it was recorded; asks nobody anything')
    .option('--policy <policy>', 'what the verdict has to meet besides, such as root=intel,tcb=UpToDate,place=aws/eu-central-1,age=1h')
    .action(runVerify)
  withManifestOptions(
    command(
      program,
      'evidence <subject>',
      'everything that is needed to check a lease or worker later, as a file for auditors',
      'cloister evidence my-app -o bundle.json',
    )
      .option('-o, --output <file>', 'where to write it; default: standard output')
      .option('--manifest <file>', 'give the Compose or SDL file away with it, so that auditors see what the hash stands for'),
  ).action(runEvidence)
}

async function runVerify(subject: string | undefined, options: VerifyOptions): Promise<void> {
  if ((subject === undefined) === (options.offline === undefined))
    throw new CloisterError('bad-option', 'Say what to verify: a lease, a URL or a worker, or --offline with a file.')
  const onChain = options.offline === undefined ? undefined : options.policy?.split(',').find((term) => /^\s*(age|gpu)=/.test(term))
  if (onChain !== undefined)
    throw new CloisterError('bad-option', `A file can not tell what the chain says now: ${onChain.trim()}.`, {
      hint: 'Leave `age` and `gpu` out of --policy, or verify the lease itself.',
    })
  const { verdict, facts } =
    options.offline === undefined
      ? await verifyNow(subject ?? '', options)
      : { verdict: await verifyFile(options.offline, options), facts: { attestedSecondsAgo: 0 } }
  const failures = options.policy === undefined ? [] : failuresOf(verdict, parsePolicy(options.policy, verdict.simulated), facts)
  const ok = verdict.genuine && failures.length === 0
  if (options.json) sayJson({ ok, policy: failures, ...verdict })
  else {
    for (const line of treeOf(verdict)) say(line)
    for (const failure of verdict.genuine ? failures : []) say(`${paint('red', '✘')} Policy: ${printable(failure)}`)
    say('')
    const sentence = verdict.genuine && failures.length > 0 ? `Every check holds, but it is not what the policy asks: ${failures[0]}` : verdict.sentence
    say(paint(!ok ? 'red' : verdict.simulated ? 'yellow' : 'green', printable(sentence)))
  }
  if (!ok) process.exitCode = 1
}

/** The verdict, and what a policy asks besides. Where the index has no time of attestation, it counts from 1970. */
async function verifyNow(subject: string, options: VerifyOptions): Promise<{ verdict: BundleVerdict; facts: PolicyFacts }> {
  const connection = connect(options)
  const { bundle, verdict } = await verify(connection, subject)
  if (options.policy === undefined) return { verdict, facts: { attestedSecondsAgo: 0 } }
  const { address } = bundle.worker
  const [{ attestedAt = 0, gpus }, confirmed] = await Promise.all([connection.index.worker(address), getConfirmedGpus(connection.chain, address)])
  const attestedSecondsAgo = Math.max(0, Math.floor(Date.now() / 1000) - attestedAt)
  // All the GPUs that the worker says it has.
  return { verdict, facts: { attestedSecondsAgo, gpus: { wanted: gpus, models: [], confirmed } } }
}

async function verifyFile(path: string, options: VerifyOptions): Promise<BundleVerdict> {
  const { root, witnesses, from } = trustFor(options)
  if (!options.json) note(paint('dim', `Checked against ${from}. What the chain said is taken as the file has it.`, process.stderr))
  return verifyBundle(readBundle(path), { root, witnesses })
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

function readBundle(path: string): unknown {
  try {
    const text = readFileSync(path)
    if (text.length > MAX_BUNDLE_BYTES) throw new Error(`it is longer than ${MAX_BUNDLE_BYTES} bytes`)
    return JSON.parse(text.toString())
  } catch (cause) {
    throw new CloisterError('bad-bundle', `${path} can not be read as a bundle of evidence.`, {
      hint: 'Write one with `cloister evidence LEASE -o FILE`.',
      cause,
    })
  }
}

async function runEvidence(subject: string, options: Globals & ManifestOptions & { output?: string; manifest?: string }): Promise<void> {
  const manifest = options.manifest === undefined ? undefined : readManifestFile(options.manifest, options, options.json === true).manifest
  const bundle = await evidence(connect(options), subject, manifest)
  const text = `${JSON.stringify(bundle, null, 2)}\n`
  if (options.output === undefined) return void process.stdout.write(text)
  writeFileSync(options.output, text)
  if (options.json) return sayJson({ written: options.output, bytes: text.length })
  say(`Wrote ${options.output} (${Math.round(text.length / 1024)} KiB), recorded at ${instant(bundle.recordedAt)}.`)
  say(paint('dim', `  Check it, with or without a network: cloister verify --offline ${options.output}`))
}

/** The checks as a tree: what was compared, what was found, and where the rule comes from. */
function* treeOf({ groups }: BundleVerdict): Generator<string> {
  for (const { title, checks } of groups) {
    const ok = checks.length > 0 && checks.every((check) => check.ok)
    yield `${mark(ok)} ${paint('bold', printable(title))}`
    for (const [index, check] of checks.entries()) {
      const branch = index === checks.length - 1 ? '└' : '├'
      const compared = check.ok
        ? shortened(check.found)
        : [shortened(check.found), check.expected === undefined ? '' : `expected ${shortened(check.expected)}`].filter(Boolean).join('; ')
      yield `  ${paint('dim', branch)} ${mark(check.ok)} ${printable(check.title)}${compared ? `: ${paint(check.ok ? 'dim' : 'red', compared)}` : ''} ${paint('dim', `(${check.source})`)}`
    }
  }
}

function mark(ok: boolean): string {
  return ok ? paint('green', '✔') : paint('red', '✘')
}

function shortened(text: string | undefined): string {
  if (text === undefined) return ''
  const clean = printable(text)
  return clean.length > 90 ? `${clean.slice(0, 44)}…${clean.slice(-44)}` : clean
}
