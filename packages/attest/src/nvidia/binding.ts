import { crypto } from '#crypto'
import { toHex } from '../bytes.ts'

/** Dies by the beginning of `hwmodel`, and the class they count as. */
const CLASS_OF_DIE: [string, string][] = [
  ['GH100', 'h100'],
  ['GB100', 'b200'],
]
/**
 * H100 and H200 are one die; the chip's SKU tells them apart: H200 (SXM) and H200 NVL. NVIDIA publishes no
 * list, but names its reference values by it (`NV_GPU_VBIOS_<project>_<project SKU>_<chip SKU>_<version>`;
 * of H200s in nvtrust's issues 66 and 101).
 */
const H200_CHIP_SKUS = new Set(['895', '894'])

/**
 * The nonce that a worker's GPUs are asked with: SHA-256 of the 64 bytes of report data of its own quote.
 * Those name the network, provider, worker and TLS key, and a fresh block.
 */
export async function gpuNonceOf(reportData: Uint8Array): Promise<string> {
  return toHex(await crypto.digest('SHA-256', reportData))
}

/**
 * The class that a machine's GPUs count as. `models`: `hwmodel` of their tokens, one or several with commas
 * between; `chipSkus`: what the report of each says, undefined where there is none. Where in doubt the
 * lesser class counts; undefined for models that no class is known for, and for GPUs of different ones.
 */
export function gpuClassOf(
  models: string,
  chipSkus: readonly (string | undefined)[] = [],
): string | undefined {
  const [gpuClass, ...others] = new Set(
    models.split(', ').map((model) => CLASS_OF_DIE.find(([die]) => model.startsWith(die))?.[1]),
  )
  if (others.length > 0) return undefined
  const areH200 = chipSkus.length > 0 && chipSkus.every((sku) => sku !== undefined && H200_CHIP_SKUS.has(sku))
  return gpuClass === 'h100' && areH200 ? 'h200' : gpuClass
}
