import { type Chain, isSignedBy } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { hexToBigInt, recoverAddress, slice } from 'viem'
import { type SignedVote, voteTypedData } from './vote.ts'

/** Half the order of secp256k1, rounded down: the greatest `s` that the contract takes. */
const MOST_S = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n

/** Whether a vote has the signature of its voter's own key, which is what the contract counts. */
export async function isSignedByKey({ id, signature, from }: SignedVote): Promise<boolean> {
  if (signature.length !== 132 || hexToBigInt(slice(signature, 32, 64)) > MOST_S) return false
  return (await recoverAddress({ hash: id, signature }).catch(() => undefined)) === from
}

/**
 * Checks that a vote was signed by its voter's key. Throws `unauthorized`; for a contract wallet, whose
 * signature is asked of the chain (ERC-1271, ERC-6492), with what it has to do instead.
 */
export async function checkSignature(chain: Chain, vote: SignedVote): Promise<void> {
  if (await isSignedByKey(vote)) return
  if (await isSignedBy(chain, vote.from, vote.signature, voteTypedData(vote)))
    throw new CloisterError(
      'unauthorized',
      `${vote.from} is a contract wallet, and has signed; the chain counts its vote by a transaction alone.`,
      {
        hint: 'Have the wallet call vote(id, choice, parts) of the ballots’ contract; powerOf(id, wallet) gives parts.',
      },
    )
  throw new CloisterError('unauthorized', `The vote is not signed by ${vote.from}.`)
}
