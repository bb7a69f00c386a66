import { address, CloisterError } from '@cloister/core'
import type { Address } from 'viem'
import * as z from 'zod'
import { parseEnvelope, writeEnvelope } from './messages/envelope.ts'
import type { SignedVote } from './messages/vote.ts'
import { Receipt } from './receipt.ts'

const FORMAT = 'cloister-kept-vote-1'

/** A vote that its voter keeps, and what a hub signed for it. */
export interface KeptVote {
  chainId: number
  /** The contract of ballots. */
  ballots: Address
  /** Where it was handed in. */
  hub: string
  vote: SignedVote
  /** Absent where the hub's answer never came. */
  receipt?: Receipt
}

const Written = z.strictObject({
  format: z.literal(FORMAT),
  chainId: z.int().positive(),
  ballots: address,
  hub: z.string().max(2_048),
  /** As it is published. */
  envelope: z.string(),
  receipt: Receipt.optional(),
})

/** A kept vote as a file has it. */
export function writeKeptVote({ chainId, ballots, hub, vote, receipt }: KeptVote): string {
  const written = { format: FORMAT, chainId, ballots, hub, envelope: writeEnvelope(vote), receipt }
  return `${JSON.stringify(written, null, 2)}\n`
}

/** Reads what `writeKeptVote` wrote. `where`: for the message. Throws `bad-file`. */
export function parseKeptVote(text: string, where: string): KeptVote {
  try {
    const { envelope, receipt, chainId, ballots, hub } = Written.parse(JSON.parse(text))
    const kept = { chainId, ballots, hub, vote: parseEnvelope(envelope) }
    return receipt ? { ...kept, receipt } : kept
  } catch (cause) {
    throw new CloisterError('bad-file', `${where} is no vote as this command keeps them.`, {
      hint: 'Move it away; what it should have is at the hub, if the hub has it.',
      cause,
    })
  }
}
