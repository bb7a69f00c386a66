import type { Field } from './field.ts'
import { demandedKinds, GPU_INTERFACE, GPU_MODEL, type GpuKind, parseGpuMemoryMiB } from './gpu.ts'
import type { Gpu, Service } from './service.ts'

const ALL = 'State a count; it is what is paid for.'
const MOST = 64

/**
 * `gpus`, or the devices of a reservation: `driver`, `count` or `device_ids`, `capabilities: [gpu]`, and the
 * kinds that would do under `options`: `model` (several with commas between), `memory` at least, `interface`
 * (`pcie` or `sxm`). Docker's own driver passes over those. Entries of one kind add up.
 */
export function readGpus(root: Field, service: Service): void {
  if (root.value === 'all') root.refuse('"all" GPUs is not a number', ALL)
  let sum: Gpu | undefined
  for (const item of root.list()) {
    const gpu = readDevice(item, root.path.at(-1) === 'gpus')
    if (sum && !isSameKind(sum, gpu))
      item.refuse(
        'it is of another kind than the GPUs before',
        "A service's GPUs are of one kind. Name several models with commas between where any would do.",
      )
    const count = (sum?.count ?? 0) + gpu.count
    if (count > MOST) item.refuse(`the service has ${count} GPUs`, `A service has at most ${MOST}.`)
    sum = { ...gpu, count }
  }
  if (sum) service.resources.gpu = sum
}

function readDevice(item: Field, isOfGpus: boolean): Gpu {
  let count: number | undefined
  let vendor = 'nvidia'
  let models: GpuKind[] = []
  let isGpu = isOfGpus
  item.fields({
    driver: (field) => void (vendor = field.matching(/^[a-z0-9-]{1,32}$/, 'a driver such as nvidia')),
    count: (field) => {
      if (field.value === 'all') field.refuse('"all" GPUs is not a number', ALL)
      count = field.integer(1, MOST)
    },
    device_ids: (field) => {
      if (field.isNothing) return
      const ids = new Set(field.list().map((id) => id.text()))
      if (ids.has('all')) field.refuse('"all" GPUs is not a number', ALL)
      if (item.get('count'))
        field.refuse('device_ids and count are both there', 'Docker takes one of the two: leave one out.')
      count = ids.size
      field.warn(`a worker chooses which of its GPUs you get; this asks for ${count}`)
    },
    capabilities: (field) => {
      for (const capability of field.list()) {
        if (['gpu', 'nvidia', 'compute', 'utility'].includes(capability.text()))
          isGpu ||= capability.text() === 'gpu'
        else capability.warn('ignored: GPUs come for computing (compute and utility)')
      }
    },
    options: (field) => void (models = readOptions(field)),
  })
  if (!isGpu) item.refuse('only GPUs can be reserved', 'Add capabilities: [gpu].')
  if (count === undefined) item.refuse('the number of GPUs is missing', ALL)
  return { count: count ?? 1, vendor, models }
}

/** A mapping, or a list of `name=value`. What is another driver's is warned of. */
function readOptions(root: Field): GpuKind[] {
  const entries: [string, Field][] = root.isList
    ? root.list().map((item) => {
        const [name = '', ...value] = item.text().split('=')
        return [name, item.with(value.join('='))]
      })
    : root.isNull
      ? []
      : root.entries()
  let names: string[] | undefined
  const more: Omit<GpuKind, 'model'> = {}
  for (const [name, field] of entries)
    if (name === 'model')
      names = field
        .text()
        .split(',')
        .map((model) => model.trim())
        .map((model) => (GPU_MODEL.test(model) ? model.toLowerCase() : field.fail('GPU models such as h100')))
    else if (name === 'memory') more.memoryMiB = field.parse(parseGpuMemoryMiB)
    else if (name === 'interface') more.interface = field.matching(GPU_INTERFACE, 'pcie or sxm').toLowerCase()
    else field.warn('ignored: options are model, memory and interface')
  if (names === undefined && Object.keys(more).length === 0) return []
  return demandedKinds((names ?? ['*']).map((model) => ({ model, ...more })))
}

function isSameKind(one: Gpu, other: Gpu): boolean {
  return one.vendor === other.vendor && JSON.stringify(one.models) === JSON.stringify(other.models)
}
