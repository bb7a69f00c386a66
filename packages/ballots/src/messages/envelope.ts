import { CloisterError } from '@cloister/core'
import { type Address, getAddress, type Hex, isAddress } from 'viem'
import * as z from 'zod'
import { DOMAIN, formOfTypes, VOTE_TYPES } from './types.ts'
import { formOf, idOfVote, type RawChoice, type SignedVote } from './vote.ts'

/** Bytes that an envelope may have, as with Snapshot's sequencer. */
export const MAX_ENVELOPE_BYTES = 100_000
/** Choices that a list may name: more no ballot has. */
const MAX_LIST = 64
/**
 * Characters of a reason and of metadata, and of an app’s name: as snapshot.js (src/schemas/vote.json) has
 * them.
 */
const MAX_TEXT = 5_000
const MAX_APP = 24
const MAX_UINT32 = 2 ** 32 - 1

const text = z.string().refine((one) => one.isWellFormed(), 'text that is no Unicode')
const Envelope = z.object({
  address: z.string().refine((one) => isAddress(one, { strict: false }), 'not an address'),
  sig: z.string().regex(/^0x([0-9a-fA-F]{2}){0,49000}$/, 'not bytes in hex'),
  data: z.object({
    domain: z.strictObject({ name: z.literal(DOMAIN.name), version: z.literal(DOMAIN.version) }),
    types: z.record(z.string(), z.unknown()),
    message: z.strictObject({
      from: text,
      space: text,
      timestamp: z.int().min(0),
      proposal: text,
      choice: z.union([
        z.int().min(0).max(MAX_UINT32),
        z.array(z.int().min(0).max(MAX_UINT32)).max(MAX_LIST),
        text,
      ]),
      reason: text.max(MAX_TEXT),
      app: text.max(MAX_APP),
      metadata: text.max(MAX_TEXT),
    }),
  }),
})

/**
 * Reads an envelope as snapshot.js posts it, from anybody: `{address, sig, data: {domain, types, message}}`.
 * Whether the signature is good, the ballot there and the time right is for others to say. Throws
 * `too-large`, `bad-request` with the reason.
 */
export function parseEnvelope(json: string): SignedVote {
  checkSize(json)
  return readEnvelope(parseJson(json))
}

function checkSize(json: string): void {
  if (new TextEncoder().encode(json).length > MAX_ENVELOPE_BYTES)
    throw new CloisterError('too-large', `An envelope has at most ${MAX_ENVELOPE_BYTES} bytes.`)
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw refused('it is no JSON', undefined, cause)
  }
}

/** The same of what was JSON. */
function readEnvelope(value: unknown): SignedVote {
  const parsed = Envelope.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    if (issue?.path.join('.') === 'data.domain')
      throw refused(
        `its domain is not Snapshot’s (name ${DOMAIN.name}, version ${DOMAIN.version}, nothing else)`,
        'Some wallets add a chain id to the domain; vote with another, or with `cloister vote cast`.',
      )
    throw refused(`it is wrong at ${issue?.path.join('.') || 'its top'}: ${issue?.message}`)
  }
  const { address, sig, data } = parsed.data
  const { message } = data
  const form = formOfTypes(data.types)
  if (form === undefined)
    throw refused(
      'its types are no vote’s',
      'Ballots are proposed on the chain, and only votes are taken here.',
    )
  if (form !== formOf(message.choice)) throw refused('its choice is not of the type that it was signed as')
  const from = fromOf(message.from, address)
  if (!/^0x[0-9a-f]{64}$/.test(message.proposal))
    throw refused('its proposal is no ballot’s id', 'A ballot’s id is 0x and 64 hexadecimal digits, small.')
  const vote = { ...message, from, proposal: message.proposal as Hex }
  const signed = { ...vote, id: idOfVote(vote), signature: normalSignature(sig as Hex) }
  // As it is kept it may be longer, and others have to be able to read it again.
  checkSize(writeEnvelope(signed))
  return signed
}

function fromOf(from: string, address: string): Address {
  if (from.toLowerCase() !== address.toLowerCase())
    throw refused(
      `it is signed by ${address} for ${from.slice(0, 60)}`,
      'Nobody votes for somebody else here, by an alias either: vote with the account itself.',
    )
  const checksummed = getAddress(address)
  if (from !== checksummed) throw refused(`its voter is not written as ${checksummed}`)
  return checksummed
}

/** Half the order of secp256k1: of two signatures that say the same, the contract takes the lower one. */
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n
/** Wallets of a kind that count from 0. */
const FROM_ZERO: Record<string, string> = { '00': '1b', '01': '1c' }

/**
 * A signature as the contract takes it: r, s, v of 27 or 28, s in the lower half. Others, such as those of
 * contract wallets, stay as they are.
 */
function normalSignature(signature: Hex): Hex {
  if (signature.length !== 132) return signature
  const small = signature.toLowerCase() as Hex
  if (BigInt(`0x${small.slice(66, 130)}`) > HALF_ORDER)
    throw refused('its signature has a high s, which the contract does not take')
  const v = small.slice(130)
  return `${small.slice(0, 130)}${FROM_ZERO[v] ?? v}` as Hex
}

/** An envelope as others can read it again, always the same for the same vote and signature. */
export function writeEnvelope(vote: SignedVote): string {
  const { from, space, timestamp, proposal, choice, reason, app, metadata, signature, id } = vote
  return JSON.stringify({
    address: from,
    sig: signature,
    hash: id,
    data: {
      domain: DOMAIN,
      types: VOTE_TYPES[formOf(choice)],
      message: {
        from,
        space,
        timestamp,
        proposal,
        choice: choice satisfies RawChoice,
        reason,
        app,
        metadata,
      },
    },
  })
}

function refused(why: string, hint?: string, cause?: unknown): CloisterError {
  return new CloisterError('bad-request', `The vote can not be taken: ${why}.`, {
    ...(hint !== undefined && { hint }),
    cause,
  })
}
