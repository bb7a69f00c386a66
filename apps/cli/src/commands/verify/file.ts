import { readFileSync, statSync } from 'node:fs'
import {
  type DocumentVerdict,
  type EvidenceDocument,
  fetchEndorsements,
  fetchSnpEndorsements,
  fetchSnpRevocations,
  intelRoot,
  QuoteEndorsements,
  readEvidenceDocuments,
  SnpEndorsements,
  snpProductOf,
  type TrustRoot,
  verifyEvidenceDocument,
} from '@cloister/attest'
import { CloisterError, messageOf } from '@cloister/core'
import { note, paint, printable, say, sayJson } from '@cloister/terminal'
import type { FileOptions } from './options.ts'
import { treeOf } from './tree.ts'

const MAX_FILE_BYTES = 16 * 1024 * 1024
const FLAGS = { reportData: '--report-data', nonce: '--nonce', compose: '--compose' }
const FETCH_MS = 20_000

/** Whom to believe besides the vendors, and whether to ask vendors for endorsements. */
export interface FileTrust {
  /** The development root of a network, and where its endorsements are. */
  development: { root: TrustRoot; endorsementsUrl: string } | undefined
  online: boolean
}

type Endorsements = QuoteEndorsements | SnpEndorsements | undefined

/**
 * Checks a file of evidence, whatever form it has, and prints what was found, and what a full verdict would
 * need besides. Returns whether all of it is genuine. Throws `bad-option`, `no-file`, or what reading it
 * throws.
 */
export async function verifyEvidenceFile(
  bytes: Uint8Array,
  options: FileOptions,
  trust: FileTrust,
): Promise<boolean> {
  const nonce = hexOption(options.nonce, '--nonce')
  const reportData = hexOption(options.reportData, '--report-data')
  const compose = options.compose === undefined ? undefined : readFileOf(options.compose)
  const instant = instantOf(options.at)
  const given = options.endorsements === undefined ? undefined : readEndorsements(options.endorsements)
  const documents = await readEvidenceDocuments(bytes, nonce === undefined ? {} : { nonce }).catch(
    (cause) => {
      throw new CloisterError('no-evidence', messageOf(cause), { cause })
    },
  )
  const verdicts: DocumentVerdict[] = []
  for (const document of documents) {
    const judge = async (root: TrustRoot, endorsementsUrl?: string) => {
      const endorsements =
        given ??
        (trust.online ? await endorsementsOf(document, endorsementsUrl, options.json === true) : undefined)
      return verifyEvidenceDocument(document, { instant, root, endorsements, reportData, nonce, compose })
    }
    const { development } = trust
    const made = development && (await judge(development.root, development.endorsementsUrl))
    // A vendor's evidence never ends in a development root.
    verdicts.push(made?.verdict.root === 'devnet' ? made : await judge(intelRoot))
  }
  const ok = verdicts.length > 0 && verdicts.every(({ genuine }) => genuine)
  if (options.json) sayJson({ ok, documents: verdicts })
  else
    for (const [index, verdict] of verdicts.entries())
      show(verdict, verdicts.length > 1 ? `${index + 1} of ${verdicts.length}: ` : '')
  return ok
}

/** Reads a file, or standard input for `-`. Throws `no-file`. */
export function readFileOf(path: string): Uint8Array {
  try {
    if (path !== '-' && statSync(path).size > MAX_FILE_BYTES)
      throw new Error(`it is longer than ${MAX_FILE_BYTES} bytes`)
    const bytes = new Uint8Array(readFileSync(path === '-' ? 0 : path))
    if (bytes.length > MAX_FILE_BYTES) throw new Error(`it is longer than ${MAX_FILE_BYTES} bytes`)
    return bytes
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new CloisterError(
      'no-file',
      isMissing ? `There is no file ${path}.` : `${path} can not be read: ${messageOf(cause)}.`,
      { cause },
    )
  }
}

/** What the vendor publishes; undefined where they can't be had, which a person is told. */
async function endorsementsOf(
  { kind, evidence, certificates }: EvidenceDocument,
  baseUrl: string | undefined,
  quiet: boolean,
): Promise<Endorsements> {
  const signal = AbortSignal.timeout(FETCH_MS)
  try {
    if (kind === 'tdx' || kind === 'sgx')
      return await fetchEndorsements(evidence, { signal, ...(baseUrl && { baseUrl }) })
    // A development network's endorsements come along, or are nowhere.
    if (kind === 'nitro' || baseUrl !== undefined) return undefined
    const product = snpProductOf(evidence)
    if (product === undefined) return undefined
    if (certificates === undefined) return await fetchSnpEndorsements(evidence, product, { signal })
    return { certificates, revocationList: await fetchSnpRevocations(product, 'vcek', { signal }) }
  } catch (error) {
    if (!quiet && baseUrl === undefined)
      note(`${paint('yellow', '!', process.stderr)} ${printable(messageOf(error))}`)
    return undefined
  }
}

function readEndorsements(path: string): Endorsements {
  const json: unknown = parseJson(path)
  for (const schema of [QuoteEndorsements, SnpEndorsements]) {
    const parsed = schema.safeParse(json)
    if (parsed.success) return parsed.data
  }
  throw new CloisterError('bad-option', `${path} is neither Intel’s endorsements nor AMD’s.`, {
    hint: 'It is JSON with `tcb_info`, `qe_identity`, `pck_crl` and the rest, or with `certificates` and `revocationList`.',
  })
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(readFileOf(path)))
  } catch (cause) {
    if (cause instanceof CloisterError) throw cause
    throw new CloisterError('bad-option', `${path} is not JSON.`, { cause })
  }
}

function hexOption(text: string | undefined, name: string): string | undefined {
  if (text === undefined || /^(0x)?([0-9a-fA-F]{2}){1,64}$/.test(text)) return text
  throw new CloisterError('bad-option', `${name} takes up to 64 bytes in hexadecimal digits.`)
}

/** Unix seconds: now, or what `--at` says, as a time or a number. */
function instantOf(at: string | undefined): number {
  if (at === undefined) return Math.floor(Date.now() / 1000)
  const seconds = /^\d{1,11}$/.test(at) ? Number(at) : Math.floor(Date.parse(at) / 1000)
  if (!Number.isFinite(seconds))
    throw new CloisterError('bad-option', `--at takes a time such as 2026-02-20T12:00:00Z, or Unix seconds.`)
  return seconds
}

function show(
  { form, groups, claims, dstack, missing, genuine, simulated, sentence, verdict }: DocumentVerdict,
  count: string,
): void {
  say(paint('bold', printable(`${count}${form}`)))
  for (const line of treeOf(groups)) say(line)
  const facts = {
    ...(verdict.tcb && { 'security updates': [verdict.tcb.status, ...verdict.tcb.advisories].join(', ') }),
    ...verdict.measurements,
    'report data': verdict.reportData,
    ...(dstack && { app: dstack.appId, 'compose hash': dstack.composeHash }),
    ...verdict.claims,
    ...Object.fromEntries(
      Object.entries(claims).map(([name, value]) => [`${name} (the file’s word)`, value]),
    ),
  }
  // Registers that nobody wrote to say nothing.
  for (const [name, value] of Object.entries(facts))
    if (!/^0*$/.test(value)) say(`  ${printable(name).padEnd(18)} ${paint('dim', printable(value))}`)
  for (const { what, from, option } of missing) {
    const how = option === undefined ? '' : `; give it with ${FLAGS[option]}`
    say(
      `${paint('yellow', '?')} Not shown: ${printable(what)} ${paint('dim', `(from ${printable(from)}${how})`)}`,
    )
  }
  say('')
  say(paint(!genuine ? 'red' : simulated ? 'yellow' : 'green', printable(sentence)))
}
