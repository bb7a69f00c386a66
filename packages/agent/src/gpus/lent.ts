import { CloisterError, parseQuantityMiB } from '@cloister/core'
import type { AgentConfig } from '../config.ts'
import type { InstalledGpu } from './installed.ts'
import type { GpuProduct } from './product.ts'

/** Which of a machine's GPUs a worker lends, and what it says of them. */
export interface LentKind {
  /** Those that containers get theirs from. */
  gpus: InstalledGpu[]
  /** `gpu-ram` and `gpu-interface`, as the machine reports them. */
  attributes: Record<string, string>
}

/**
 * Chooses from a machine's GPUs those that a configuration lends: of its `gpuClass`, and of the memory and
 * form in its attributes `gpu-ram` and `gpu-interface`, if it states them. A worker's GPUs are of one kind,
 * since the chain reckons them by number. Throws `bad-config` where the machine has too few of them, or where
 * what is stated leaves several kinds.
 */
export function chooseGpus(
  { capacity, attributes }: Pick<AgentConfig, 'capacity' | 'attributes'>,
  installed: readonly InstalledGpu[],
): LentKind {
  const { 'gpu-ram': ram, 'gpu-interface': form } = attributes
  const wanted = installed.filter(
    (gpu) =>
      gpu.gpuClass === capacity.gpuClass &&
      (ram === undefined || gpu.memoryGiB * 1024 === memoryOf(ram)) &&
      (form === undefined || gpu.form === undefined || gpu.form === form.toLowerCase()),
  )
  const has = `This machine has ${listOf(installed) || 'no GPU'}`
  if (wanted.length < capacity.gpus)
    throw new CloisterError(
      'bad-config',
      `${has}; the configuration lends ${capacity.gpus} × ${[capacity.gpuClass || 'GPUs of no class', ram, form].filter(Boolean).join(' ')}.`,
      { hint: 'Change capacity.gpus, capacity.gpuClass, or the attributes gpu-ram and gpu-interface.' },
    )
  const [first] = wanted
  if (!first || wanted.some((gpu) => kindOf(gpu) !== kindOf(first)))
    throw new CloisterError(
      'bad-config',
      `${has}, and a worker's GPUs are of one kind: say which under attributes (gpu-ram, gpu-interface).`,
      { hint: 'Another worker of yours can lend the others of this machine.' },
    )
  const stated = first.form ?? form?.toLowerCase()
  return {
    gpus: wanted,
    attributes: {
      'gpu-ram': `${first.memoryGiB}Gi`,
      ...(stated !== undefined && { 'gpu-interface': stated }),
    },
  }
}

function memoryOf(text: string): number | undefined {
  try {
    return parseQuantityMiB(text)
  } catch {
    return undefined
  }
}

function kindOf({ gpuClass, memoryGiB, form }: GpuProduct): string {
  return [gpuClass, `${memoryGiB}Gi`, form].filter(Boolean).join(' ')
}

/** `2 × h100 80Gi sxm, 1 × t4 16Gi`. */
function listOf(gpus: readonly GpuProduct[]): string {
  const counts = new Map<string, number>()
  for (const gpu of gpus) counts.set(kindOf(gpu), (counts.get(kindOf(gpu)) ?? 0) + 1)
  return [...counts].map(([kind, count]) => `${count} × ${kind}`).join(', ')
}
