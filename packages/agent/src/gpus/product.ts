/** What a GPU is: its class as files and prices name it, the memory it is sold with, its form. */
export interface GpuProduct {
  /** `h100`, `a100`, `rtx4090`, `l40s`, … */
  gpuClass: string
  /** GiB, as in its data sheet: an H100 that reports 81,559 MiB has 80. */
  memoryGiB: number
  /** Undefined where its name doesn't say. */
  form?: 'pcie' | 'sxm'
}

/** Sizes that NVIDIA's data-centre and workstation GPUs are sold with, in GiB. */
const SIZES = [4, 6, 8, 10, 11, 12, 16, 20, 22, 24, 32, 40, 48, 64, 72, 80, 94, 96, 141, 180, 192, 288]
/** Words of a product's name that tell no class. */
const NO_CLASS = /^(?:nvidia|tesla|geforce|quadro|generation|graphics|sxm\d*|pcie|nvl|hbm\d\w*|\d+gb)$/

/**
 * Reads the product name and the memory that a driver reports of a GPU (`nvidia-smi --query-gpu=name,
 * memory.total`): `NVIDIA A100-SXM4-80GB`, `NVIDIA H100 80GB HBM3`, `NVIDIA L40S`. The form is in the name
 * or unknown: of H100s those called by their HBM3 are SXM (the others are called `PCIe` and `NVL`, a PCIe
 * card), and H200s without more are (the PCIe card is `H200 NVL`). It never follows from the size, which an
 * SXM and a PCIe card can have alike.
 */
export function readProduct(name: string, memoryMiB: number): GpuProduct {
  const words = name
    .toLowerCase()
    .split(/[\s-]+/)
    .filter((word) => /^[a-z0-9._]{1,32}$/.test(word))
  const gpuClass = words
    .filter((word) => !NO_CLASS.test(word))
    .join('')
    .slice(0, 32)
  const form = formOf(words, gpuClass)
  return { gpuClass, memoryGiB: sizeOf(words, memoryMiB), ...(form && { form }) }
}

function formOf(words: readonly string[], gpuClass: string): GpuProduct['form'] {
  if (words.some((word) => word === 'pcie' || word === 'nvl')) return 'pcie'
  if (words.some((word) => /^sxm\d*$/.test(word))) return 'sxm'
  if (gpuClass === 'h100' && words.some((word) => /^hbm3e?$/.test(word))) return 'sxm'
  return gpuClass === 'h200' ? 'sxm' : undefined
}

/** The size that its name states, else the least one sold that has what the driver leaves of it. */
function sizeOf(words: readonly string[], memoryMiB: number): number {
  const stated = words.map((word) => /^(\d{1,4})gb$/.exec(word)?.[1]).find((size) => size !== undefined)
  if (stated !== undefined) return Number(stated)
  const gib = memoryMiB / 1024
  const sold = SIZES.find((size) => size >= gib)
  // No driver keeps an eighth for itself: what is further from any size is of none that is known.
  return sold !== undefined && gib > sold * 0.875 ? sold : Math.floor(gib)
}
