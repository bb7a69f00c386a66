import { crypto } from '#crypto'
import { toHex } from '../bytes.ts'

/** Dies by the beginning of `hwmodel`, and the class they count as. H100 and H200 have the same die; the lesser counts. */
const CLASS_OF_DIE: [string, string][] = [
  ['GH100', 'h100'],
  ['GB100', 'b200'],
]

/**
 * The nonce that a worker's GPUs are asked with: SHA-256 of the 64 bytes of report data of its own quote. Those name the
 * network, provider, worker and TLS key, and a fresh block.
 */
export async function gpuNonceOf(reportData: Uint8Array): Promise<string> {
  return toHex(await crypto.digest('SHA-256', reportData))
}

/** The class that GPUs of this model (`hwmodel` of their tokens) count as; undefined for models that no class is known for. */
export function gpuClassOf(model: string): string | undefined {
  return CLASS_OF_DIE.find(([die]) => model.startsWith(die))?.[1]
}
