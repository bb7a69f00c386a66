import { concatHex, type Hex, sha256, stringToHex } from 'viem'

/**
 * How GPUs are named in a verdict, out of their identities (UEIDs): each one's hash, ascending, and the hash
 * of those.
 */
export function nameGpus(identities: string[]): { gpuIds: Hex[]; platform: Hex } {
  const gpuIds = identities.map((identity) => sha256(stringToHex(identity))).sort()
  return { gpuIds, platform: platformOfGpus(gpuIds) }
}

/** The hash over GPUs' names that a verdict calls its platform. */
export function platformOfGpus(gpuIds: Hex[]): Hex {
  return sha256(concatHex(gpuIds))
}
