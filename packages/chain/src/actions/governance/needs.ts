import type { Chain } from '../../client.ts'
import { chainError } from '../../errors/chain-error.ts'
import { TRACKS_ABI } from '../../generated/abis.ts'
import type { BallotFacts, TrackRules } from './ballots.ts'
import { ballotsContract, getBallotPlaces } from './places.ts'

/** What a ballot has to reach. */
export interface BallotNeeds {
  /** Of its track when it began; later ones are for later ballots. */
  rules: TrackRules
  /** Whether it takes what is taken after a veto: its calls were vetoed before, or it was hastened. */
  isMore: boolean
}

/** What a ballot has to reach, as Ballots.sol has it. Throws `not-found`, `chain-unreachable`. */
export async function getBallotNeeds(
  chain: Chain,
  {
    track,
    rules: version,
    content,
    isFast,
    executableAt,
    isVetoProof,
  }: Pick<BallotFacts, 'track' | 'rules' | 'content' | 'isFast' | 'executableAt' | 'isVetoProof'>,
): Promise<BallotNeeds> {
  const { client } = chain
  const tracks = { address: (await getBallotPlaces(chain)).tracks, abi: TRACKS_ABI } as const
  try {
    const [rules, isVetoed] = await Promise.all([
      client.readContract({ ...tracks, functionName: 'rulesOf', args: [track, BigInt(version)] }),
      client.readContract({ ...ballotsContract(chain), functionName: 'isVetoed', args: [content] }),
    ])
    // Once it is queued a veto may be its own, which it didn't know of.
    return { rules, isMore: isFast || (Number(executableAt) === 0 ? isVetoed : isVetoProof) }
  } catch (error) {
    throw chainError('reading what a ballot needs', error)
  }
}
