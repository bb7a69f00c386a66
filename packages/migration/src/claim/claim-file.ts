import { address, bytes32, CloisterError, decimal } from '@cloister/core'
import * as z from 'zod'
import { hashLeaf, NEW_DECIMALS } from '../count/leaves.ts'
import { isMultisig, textOfClaim } from './claim.ts'
import { isSignatureOf } from './signature.ts'
import type { Claim } from './signed.ts'

const FORMAT = 'cloister-migration-claim-1'

/**
 * Of one account. Strangers can have made them more: by what vests of a pure proxy that they made for it.
 */
const MOST_LEAVES = 4_096

const Signature = z.strictObject({
  scheme: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  v: z.int().min(0).max(1),
  x: bytes32,
  y: bytes32,
  r: bytes32,
  s: bytes32,
})

const time = z
  .int()
  .min(0)
  .max(2 ** 40 - 1)

const File = z.strictObject({
  format: z.literal(FORMAT),
  chainId: z.int().positive(),
  claims: address,
  to: address,
  account: bytes32,
  legacy: z.strictObject({
    symbol: z.string().regex(/^\w{1,32}$/),
    decimals: z.int().min(0).max(NEW_DECIMALS),
  }),
  leaves: z
    .array(
      z.strictObject({
        amount: decimal,
        vestsFrom: time,
        vestsUntil: time,
        index: z.int().min(0),
        proof: z.array(bytes32).max(32),
      }),
    )
    .min(1)
    .max(MOST_LEAVES),
  signature: Signature.optional(),
  approvals: z
    .strictObject({
      members: z.array(bytes32).min(1).max(128),
      threshold: z.int().min(1).max(128),
      signed: z.array(z.strictObject({ member: bytes32, signature: Signature })).max(128),
    })
    .optional(),
})

/** A claim as text (JSON), to be signed by others or sent by somebody else. It has no secrets. */
export function writeClaim({ approvals, leaves, signature, ...rest }: Claim): string {
  const file: z.input<typeof File> = {
    format: FORMAT,
    chainId: rest.chainId,
    claims: rest.claims,
    to: rest.to,
    account: rest.account,
    legacy: rest.legacy,
    leaves: leaves.map(({ account: _, amount, ...leaf }) => ({ ...leaf, amount: amount.toString() })),
    ...(signature && { signature }),
    ...(approvals && {
      approvals: {
        members: approvals.members,
        threshold: approvals.threshold,
        signed: [...approvals.signed].map(([member, one]) => ({ member, signature: one })),
      },
    }),
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/**
 * Reads what `writeClaim` wrote. Its signatures have to hold, so that nobody signs or sends what others
 * spoilt; whether its leaves are the tree's is for the contract to see. Throws `bad-file`.
 */
export function parseClaim(text: string): Claim {
  const parsed = File.safeParse(parseJson(text))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw badFile(`${issue?.path.join('.') || 'it'}: ${issue?.message}`)
  }
  const { format: _, leaves, signature, approvals, ...rest } = parsed.data
  const claim: Claim = {
    ...rest,
    leaves: leaves.map((leaf) => ({ ...leaf, account: rest.account, amount: BigInt(leaf.amount) })),
    ...(signature && { signature }),
    ...(approvals && {
      approvals: {
        ...approvals,
        signed: new Map(approvals.signed.map(({ member, signature: one }) => [member, one])),
      },
    }),
  }
  for (const leaf of claim.leaves) hashLeaf(leaf)
  checkSigned(claim)
  return claim
}

function checkSigned(claim: Claim): void {
  const { account, approvals, signature } = claim
  if (approvals) {
    const { members, threshold } = approvals
    if (signature) throw badFile('it has a signature beside those of members')
    if (!isMultisig(account, members, threshold))
      throw badFile(`its members make another account than ${account}`)
    const stranger = [...approvals.signed.keys()].find((member) => !members.includes(member))
    if (stranger) throw badFile(`${stranger}, who signed it, is none of the members`)
  }
  const text = textOfClaim(claim)
  const signed = signature ? [[account, signature] as const] : [...(approvals?.signed ?? [])]
  for (const [signer, one] of signed)
    if (!isSignatureOf(one, signer, text)) throw badFile(`a signature in it is not ${signer}’s over its text`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw badFile('it is no JSON', cause)
  }
}

function badFile(what: string, cause?: unknown): CloisterError {
  return new CloisterError('bad-file', `The claim can not be used: ${what}.`, {
    hint: 'Name a file that `cloister migrate claim --save` wrote.',
    cause,
  })
}
