import { parseCpuMilli, parseQuantityMiB } from '../units.ts'
import type { Field } from './field.ts'
import { demandedKinds, GPU_INTERFACE, GPU_MODEL } from './gpu.ts'
import type { Gpu } from './service.ts'

/** One storage of a compute profile. `default` is the container's own disk. */
interface Storage {
  name: string
  sizeMiB: number
  persistent: boolean
  class: string
  field: Field
}

export interface ComputeProfile {
  cpuMilli: number
  memoryMiB: number
  storage: Storage[]
  gpu?: Gpu
}

/** `profiles.compute.<name>`: CPU, memory, storage with its classes, GPU with its models. */
export function readComputeProfile(root: Field): ComputeProfile {
  const resources = root.get('resources') ?? root.fail('resources')
  root.knownFields({ resources: () => {} })
  let cpuMilli = 0
  let memoryMiB = 0
  let storage: Storage[] = []
  let gpu: Gpu | undefined
  resources.knownFields({
    cpu: (field) =>
      field.knownFields({
        units: (units) => void (cpuMilli = units.parse(parseCpuMilli)),
        attributes: ignoreAttributes,
      }),
    memory: (field) =>
      field.knownFields({
        size: (size) => void (memoryMiB = Math.max(1, size.parse(parseQuantityMiB))),
        attributes: ignoreAttributes,
      }),
    storage: (field) => void (storage = (field.isList ? field.list() : [field]).map(readStorage)),
    gpu: (field) => void (gpu = readGpu(field)),
    id: (field) => void field.integer(0, 1_000_000),
  })
  if (cpuMilli === 0) resources.fail('cpu.units')
  if (memoryMiB === 0) resources.fail('memory.size')
  return gpu ? { cpuMilli, memoryMiB, storage, gpu } : { cpuMilli, memoryMiB, storage }
}

function readStorage(root: Field): Storage {
  const result: Storage = { name: 'default', sizeMiB: 0, persistent: false, class: 'default', field: root }
  root.knownFields({
    name: (field) =>
      void (result.name = field.matching(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,40}$/, 'a storage name')),
    size: (field) => void (result.sizeMiB = Math.max(1, field.parse(parseQuantityMiB))),
    attributes: (field) =>
      field.knownFields({
        persistent: (persistent) => void (result.persistent = persistent.boolean()),
        class: (name) =>
          void (result.class = name.matching(
            /^(default|beta1|beta2|beta3|ram)$/,
            'default, beta1, beta2, beta3 or ram',
          )),
      }),
  })
  if (result.sizeMiB === 0) root.fail('a size')
  if (result.class === 'ram' && result.persistent) root.fail('a class other than ram for persistent storage')
  return result
}

function readGpu(root: Field): Gpu | undefined {
  let count = 0
  let vendor = 'nvidia'
  const models: Gpu['models'] = []
  root.fields({
    units: (field) => void (count = field.integer(0, 64)),
    attributes: (field) => {
      const vendors = field.get('vendor') ?? field.fail('a vendor')
      field.fields({ vendor: () => {} })
      const entries = vendors.entries()
      const [first, second] = entries
      second?.[1].refuse(`${second[0].slice(0, 32)} is a second vendor`, 'A lease has GPUs of one vendor.')
      if (!first) vendors.fail('a vendor')
      else {
        vendor = first[0]
        if (!first[1].isNull) for (const model of first[1].list()) models.push(readModel(model))
      }
    },
  })
  if (count === 0) return undefined
  return { count, vendor, models: demandedKinds(models) }
}

function readModel(root: Field): Gpu['models'][number] {
  const result: Gpu['models'][number] = { model: '*' }
  root.fields({
    model: (field) => void (result.model = field.matching(GPU_MODEL, 'a GPU model').toLowerCase()),
    ram: (field) => void (result.memoryMiB = field.parse(parseQuantityMiB)),
    interface: (field) =>
      void (result.interface = field.matching(GPU_INTERFACE, 'pcie or sxm').toLowerCase()),
  })
  return result
}

function ignoreAttributes(field: Field): void {
  if (!field.isNull) field.warn('ignored: attributes of CPU and memory have no effect')
}
