import * as z from 'zod'
import { CloisterError } from '../errors/error.ts'
import { parseByteValueMiB, parseQuantityMiB } from '../units.ts'

/** GPUs that would do: a model (`*` for any), at least so much memory, in that form. */
export const GpuKind = z.strictObject({
  model: z.string().regex(/^(?:\*|[a-z0-9._-]{1,32})$/),
  memoryMiB: z
    .int()
    .min(1)
    .max(1 << 30)
    .optional(),
  /** `pcie` or `sxm`. */
  interface: z
    .string()
    .regex(/^[a-z0-9-]{1,16}$/)
    .optional(),
})
export type GpuKind = z.infer<typeof GpuKind>

/** `model` of a kind, as files write it. */
export const GPU_MODEL = /^(\*|[a-zA-Z0-9._-]{1,32})$/
/** `interface` of a kind, as files write it. */
export const GPU_INTERFACE = /^(?:pcie|sxm)$/i

/** Kinds without more than they demand: any model without more to it makes all others none. */
export function demandedKinds(kinds: GpuKind[]): GpuKind[] {
  return kinds.some((kind) => kind.model === '*' && !demandsMore(kind)) ? [] : kinds
}

/** Memory of a GPU as Compose's byte values are written, or with `Gi` as in SDL. Throws `bad-unit`. */
export function parseGpuMemoryMiB(text: string): number {
  return parseByteValueMiB(text.replace(/([kmgt])i$/i, '$1iB'))
}

/**
 * One kind on one line: `h100`, or `model=h100,memory=80Gi,interface=sxm` with what matters of it. Throws
 * `bad-option`.
 */
export function parseGpuKinds(text: string): [GpuKind] {
  const kind: GpuKind = { model: '*' }
  try {
    for (const part of text.split(',')) {
      const [name = '', value] = part.includes('=') ? part.split(/=(.*)/) : ['model', part]
      if (name === 'model' && value && GPU_MODEL.test(value)) kind.model = value.toLowerCase()
      else if (name === 'memory' && value) kind.memoryMiB = parseGpuMemoryMiB(value)
      else if (name === 'interface' && value && GPU_INTERFACE.test(value))
        kind.interface = value.toLowerCase()
      else throw new Error(part)
    }
    return [kind]
  } catch (cause) {
    throw new CloisterError(
      'bad-option',
      `GPUs are described as model=h100,memory=80Gi,interface=sxm, or a part of that, not ${JSON.stringify(text.slice(0, 60))}.`,
      { cause },
    )
  }
}

/** Whether a kind says more than a model. */
export function demandsMore({ memoryMiB, interface: form }: GpuKind): boolean {
  return memoryMiB !== undefined || form !== undefined
}

/** GiB and form of classes that are made in one size or one form only, by NVIDIA's data sheets. */
const CLASSES: Record<string, { gib?: number; form?: 'pcie' | 'sxm' }> = {
  a10: { gib: 24, form: 'pcie' },
  a40: { gib: 48, form: 'pcie' },
  b200: { gib: 180, form: 'sxm' },
  b300: { gib: 288, form: 'sxm' },
  h200: { gib: 141 },
  l4: { gib: 24, form: 'pcie' },
  l40: { gib: 48, form: 'pcie' },
  l40s: { gib: 48, form: 'pcie' },
  rtx3090: { gib: 24, form: 'pcie' },
  rtx4090: { gib: 24, form: 'pcie' },
  rtx5090: { gib: 32, form: 'pcie' },
  rtx6000ada: { gib: 48, form: 'pcie' },
  rtxa6000: { gib: 48, form: 'pcie' },
  t4: { gib: 16, form: 'pcie' },
}

interface Wanted {
  gpuKinds?: GpuKind[][] | undefined
}

/**
 * What a worker has: its class, which its GPUs' evidence shows, and what its provider says where the class
 * is made in several.
 */
interface Has {
  gpuClass: string
  /** Memory of one GPU as in SDL, `80Gi`. */
  ram?: string | undefined
  form?: string | undefined
}

/** Why a worker's GPUs are none that would do; undefined where they are. What nobody says is not there. */
export function gpuMismatch({ gpuKinds = [] }: Wanted, has: Has): string | undefined {
  const known = CLASSES[has.gpuClass]
  const memoryMiB = known?.gib !== undefined ? known.gib * 1024 : memoryOf(has.ram)
  const form = known?.form ?? has.form?.toLowerCase()
  for (const kinds of gpuKinds)
    if (
      !kinds.some(
        (kind) =>
          isOf(kind, has.gpuClass) &&
          (memoryMiB ?? 0) >= (kind.memoryMiB ?? 0) &&
          (kind.interface === undefined || kind.interface === form),
      )
    )
      return `The order asks for ${kinds.map(describe).join(' or ')}; here is ${has.gpuClass || 'no GPU'} with ${memoryMiB === undefined ? 'memory nobody states (attribute gpu-ram)' : `${memoryMiB / 1024} GiB`}, ${form ?? 'of a form nobody states (attribute gpu-interface)'}.`
  return undefined
}

/** The same where only the class is known: undefined unless no GPU of that class would do. */
export function impossibleGpus({ gpuKinds = [] }: Wanted, gpuClass: string): string | undefined {
  const known = CLASSES[gpuClass] ?? {}
  const may = (kind: GpuKind) =>
    isOf(kind, gpuClass) &&
    (known.gib === undefined || known.gib * 1024 >= (kind.memoryMiB ?? 0)) &&
    (known.form === undefined || kind.interface === undefined || kind.interface === known.form)
  const unmet = gpuKinds.find((kinds) => !kinds.some(may))
  return unmet && `Its GPUs are ${gpuClass || 'none'}, and ${unmet.map(describe).join(' or ')} is asked for.`
}

function isOf({ model }: GpuKind, gpuClass: string): boolean {
  return gpuClass !== '' && (model === '*' || model === gpuClass)
}

function memoryOf(text: string | undefined): number | undefined {
  try {
    return text === undefined ? undefined : parseQuantityMiB(text)
  } catch {
    return undefined
  }
}

function describe({ model, memoryMiB, interface: form }: GpuKind): string {
  return [
    model === '*' ? 'any GPU' : model,
    memoryMiB === undefined ? '' : `with ${memoryMiB / 1024} GiB`,
    form ?? '',
  ]
    .filter((part) => part !== '')
    .join(' ')
}
