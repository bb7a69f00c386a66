import { Findings, type Rule } from '@cloister/attest'
import { base64url, compactVerify, decodeProtectedHeader, importJWK } from 'jose'
import { hexToBytes, sha256 } from 'viem'
import * as z from 'zod'

const MAX_LABELS = 64
const MAX_CHARACTERS = 4096
/** Labels are to be renewed: a machine may be carried off. */
const LIFETIME_SECONDS = 400 * 86_400
const CLOCK_SECONDS = 300
const MIN_ID_DIGITS = 32
const SOURCE = 'Proof of Cloud; Cloister, docs/attestation.md, place'

const SEEN: Rule = {
  code: 'place',
  title: 'A witness saw this machine there',
  source: SOURCE,
  otherwise: 'A witness took back where it saw this machine.',
}

/** Somebody whose word on where a machine stands is taken. */
export interface Witness {
  name: string
  /** Ed25519 public key, 64 hexadecimal digits. */
  key: string
}

/** Where a witness says that a machine stands. */
export interface Place {
  /**
   * From the wide to the narrow, parted by `/`: `aws/eu-central-1`, `hetzner/fsn1/dc14`. Witnesses may say
   * it otherwise.
   */
  label: string
  witness: string
  /** Unix seconds. */
  instant: number
}

// As the public registry signs them, and `revoked` besides.
const Claims = z.object({
  machine_id: z.string().regex(new RegExp(`^[0-9a-f]{${MIN_ID_DIGITS},64}$`)),
  label: z.string().max(200).default(''),
  timestamp: z.union([z.number(), z.string().max(40)]),
  quote_hash: z.string().max(128).optional(),
  revoked: z.boolean().default(false),
})

/**
 * What witnesses say of a machine: EdDSA tokens in the form of the Proof of Cloud registry, `kid` the
 * witness's key, `machine_id` the first 32 or more hexadecimal digits of SHA-256 of the machine's identity
 * (Intel's PPID, AMD's chip id). The newest word of each witness counts, for 400 days; a newer one with
 * `revoked` ends it. Tokens of others, about other machines or with wrong signatures count for nothing.
 * Never throws for what is in a token.
 */
export async function verifyLabels(
  tokens: readonly string[],
  { identity, witnesses, instant }: { identity: string; witnesses: readonly Witness[]; instant: number },
): Promise<{ places: Place[]; findings: Findings }> {
  const platform = sha256(`0x${identity}`).slice(2)
  const newest = new Map<Witness, { label: string; instant: number; revoked: boolean }>()
  for (const token of tokens.slice(0, MAX_LABELS)) {
    const read = await readLabel(token, witnesses)
    if (!read || !platform.startsWith(read.platform) || read.instant > instant + CLOCK_SECONDS) continue
    const known = newest.get(read.witness)
    if (!known || read.instant > known.instant || (read.instant === known.instant && read.revoked))
      newest.set(read.witness, read)
  }
  const findings = new Findings()
  const places: Place[] = []
  for (const [{ name }, { label, instant: said, revoked }] of newest) {
    if (instant - said > LIFETIME_SECONDS) continue
    findings.note(
      SEEN,
      !revoked,
      `${label || 'no place'}, by ${name} on ${new Date(said * 1000).toISOString().slice(0, 10)}`,
    )
    if (!revoked && label !== '') places.push({ label, witness: name, instant: said })
  }
  return { places, findings }
}

/** Whether a label is of a place or one inside of it: `aws/eu-central-1/a` is in `AWS/eu-central-1`. */
export function isInPlace(label: string, place: string): boolean {
  const parts = (text: string) => text.trim().toLowerCase().split('/')
  const [found, wanted] = [parts(label), parts(place)]
  return wanted.every((part, index) => part === found[index])
}

async function readLabel(token: string, witnesses: readonly Witness[]) {
  if (token.length > MAX_CHARACTERS) return undefined
  try {
    const { alg, kid } = decodeProtectedHeader(token)
    const witness = witnesses.find(({ key }) => key.toLowerCase() === kid?.toLowerCase().replace(/^0x/, ''))
    if (!witness || alg !== 'EdDSA') return undefined
    const key = await importJWK(
      {
        kty: 'OKP',
        crv: 'Ed25519',
        x: base64url.encode(hexToBytes(`0x${witness.key.toLowerCase()}`)),
      },
      'EdDSA',
    )
    const { payload } = await compactVerify(token, key, { algorithms: ['EdDSA'] })
    const claims = Claims.parse(JSON.parse(new TextDecoder().decode(payload)))
    const said = secondsOf(claims.timestamp)
    // What a witness says is shown: nothing in it may move a cursor.
    if (!Number.isFinite(said) || /[^\x20-\x7e]/.test(claims.label)) return undefined
    return {
      witness,
      platform: claims.machine_id,
      label: claims.label,
      instant: said,
      revoked: claims.revoked,
    }
  } catch {
    return undefined
  }
}

/** Unix seconds, milliseconds, or a date in text. */
function secondsOf(timestamp: number | string): number {
  const value =
    typeof timestamp === 'number'
      ? timestamp
      : /^\d+$/.test(timestamp)
        ? Number(timestamp)
        : Date.parse(timestamp)
  return Math.floor(value > 1e11 ? value / 1000 : value)
}
