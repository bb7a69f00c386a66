import { describe, expect, it } from 'vitest'
import { orderFor } from '../market/order.ts'
import { defaultPolicy } from '../policy.ts'
import { gpuMismatch, impossibleGpus, parseGpuKinds } from './gpu.ts'
import { parseManifest } from './parse.ts'

const ADDRESS = `0x${'11'.repeat(20)}` as const

/** A Compose file with these devices in its service's reservation. */
function compose(devices: string) {
  return parseManifest(
    `services: { web: { image: web, deploy: { resources: { reservations: { devices: ${devices} } } } } }`,
    { file: 'compose.yaml' },
  )
}

/** An SDL with one GPU of these kinds. */
function sdl(kinds: string) {
  return parseManifest(
    `version: "2.1"
services: { web: { image: web, expose: [{ port: 80, as: 80, to: [{ global: true }] }] } }
profiles:
  compute: { web: { resources: { cpu: { units: 1 }, memory: { size: 64Mi }, storage: { size: 64Mi }, gpu: { units: 1, attributes: { vendor: { nvidia: ${kinds} } } } } } }
  placement: { here: { pricing: { web: { denom: uakt, amount: 1 } } } }
deployment: { web: { here: { profile: web, count: 1 } } }
`,
    { file: 'deploy.yaml' },
  )
}

const gpuOf = ({ manifest }: ReturnType<typeof compose>) => manifest.services['web']?.resources.gpu
const resources = ({ manifest }: ReturnType<typeof compose>) =>
  orderFor(manifest, { tenant: ADDRESS, token: ADDRESS, policy: defaultPolicy(true) }).resources

describe('GPUs of a Compose file', () => {
  it('are chosen by model, memory and form', () => {
    const file = compose(
      '[{ driver: nvidia, count: 2, capabilities: [gpu], options: { model: "H100, a100", memory: 80Gi, interface: SXM } }]',
    )
    const kind = { memoryMiB: 81_920, interface: 'sxm' }
    expect(gpuOf(file)).toEqual({
      count: 2,
      vendor: 'nvidia',
      models: [
        { model: 'h100', ...kind },
        { model: 'a100', ...kind },
      ],
    })
    expect(file.warnings.map(({ message }) => message)).toEqual([expect.stringContaining('not stated')])
    // The order is the one that the same SDL makes.
    const same = sdl(
      '[{ model: h100, ram: 80Gi, interface: sxm }, { model: a100, ram: 80Gi, interface: sxm }]',
    )
    expect(resources(file)).toMatchObject({ gpus: 2, gpuKinds: resources(same).gpuKinds })
    expect(resources(same)).toMatchObject({ gpus: 1, gpuModels: ['a100', 'h100'] })
  })

  it.each([
    ['{ memory: 80g }', [{ model: '*', memoryMiB: 81_920 }]],
    ['["memory=80GiB", "interface=pcie"]', [{ model: '*', memoryMiB: 81_920, interface: 'pcie' }]],
    ['{ model: "*" }', []],
    ['{ model: "*,h100" }', []],
    ['{}', []],
    ['[]', []],
    ['', []],
  ])('with the options %s are of those kinds', (options, models) => {
    expect(gpuOf(compose(`[{ count: 1, capabilities: [gpu], options: ${options} }]`))?.models).toEqual(models)
  })

  it('are as many as the devices that are named, and which is the worker’s choice', () => {
    const { manifest, warnings } = compose('[{ device_ids: ["0", "3", "3"], capabilities: [gpu] }]')
    expect(manifest.services['web']?.resources.gpu?.count).toBe(2)
    expect(warnings[0]?.message).toBe('a worker chooses which of its GPUs you get; this asks for 2')
  })

  it('add up where they are of one kind', () => {
    const entry = (model: string) => `{ count: 1, capabilities: [gpu], options: { model: ${model} } }`
    expect(gpuOf(compose(`[${entry('h100')}, ${entry('h100')}]`))?.count).toBe(2)
    expect(() => compose(`[${entry('h100')}, ${entry('a100')}]`)).toThrow(/of another kind/)
    expect(() => compose('[{ count: 40, capabilities: [gpu] }, { count: 40, capabilities: [gpu] }]')).toThrow(
      /the service has 80 GPUs/,
    )
  })

  it.each([
    ['{ count: all, capabilities: [gpu] }', /not a number/],
    ['{ device_ids: [all], capabilities: [gpu] }', /not a number/],
    ['{ device_ids: ["0"], count: 1, capabilities: [gpu] }', /both there/],
    ['{ capabilities: [gpu] }', /number of GPUs is missing/],
    ['{ count: 1, capabilities: [tpu] }', /only GPUs/],
    ['{ count: 1, capabilities: [gpu], options: { model: "h 100" } }', /options.model: found "h 100"/],
    ['{ count: 1, capabilities: [gpu], options: { memory: much } }', /memory: found "much"/],
    ['{ count: 1, capabilities: [gpu], options: { interface: agp } }', /interface: found "agp"/],
    ['{ count: 1, capabilities: [gpu], driver: "a b" }', /driver: found "a b"/],
  ])('%s is refused', (device, why) => {
    expect(() => compose(`[${device}]`)).toThrow(why)
  })

  it('with options of other drivers are what they are without, with a warning', () => {
    const { manifest, warnings } = compose(
      '[{ count: 1, capabilities: [gpu], options: { virtualization: false } }]',
    )
    expect(manifest.services['web']?.resources.gpu?.models).toEqual([])
    expect(warnings[0]?.message).toContain('options are model, memory and interface')
  })
})

describe('GPUs that would do', () => {
  const wanted = (kinds: string) => resources(sdl(kinds))

  it('are told by form where two of one size differ in nothing else', () => {
    const pcie = wanted('[{ model: a100, ram: 80Gi, interface: pcie }]')
    const [has, other] = (['pcie', 'sxm'] as const).map((form) => ({ gpuClass: 'a100', ram: '80Gi', form }))
    expect(gpuMismatch(pcie, has ?? { gpuClass: '' })).toBeUndefined()
    expect(gpuMismatch(pcie, other ?? { gpuClass: '' })).toBe(
      'The order asks for a100 with 80 GiB pcie; here is a100 with 80 GiB, sxm.',
    )
  })

  it('are any of several kinds, or of any model with what else is said', () => {
    const either = wanted('[{ model: h100, interface: sxm }, { model: a100, ram: 80Gi }]')
    expect(gpuMismatch(either, { gpuClass: 'a100', ram: '80Gi', form: 'pcie' })).toBeUndefined()
    expect(gpuMismatch(either, { gpuClass: 'h100', ram: '80Gi', form: 'pcie' })).toMatch(/h100 sxm or a100/)
    const any = wanted('[{ ram: 40Gi }]')
    expect(gpuMismatch(any, { gpuClass: 'l40s' })).toBeUndefined()
    expect(impossibleGpus(any, 'rtx4090')).toBe('Its GPUs are rtx4090, and any GPU with 40 GiB is asked for.')
    expect(wanted('').gpuKinds).toBeUndefined()
    expect(wanted('[{ model: "*" }]')).toMatchObject({ gpuModels: [] })
  })
})

it('kinds are written on one line as Compose’s options are', () => {
  expect(parseGpuKinds('model=H100')).toEqual([{ model: 'h100' }])
  expect(parseGpuKinds('h100,memory=80Gi,interface=sxm')).toEqual([
    { model: 'h100', memoryMiB: 81_920, interface: 'sxm' },
  ])
  expect(parseGpuKinds('memory=40g')).toEqual([{ model: '*', memoryMiB: 40_960 }])
  for (const wrong of ['', 'h 100', 'memory=much', 'interface=agp', 'ram=80Gi', 'memory='])
    expect(() => parseGpuKinds(wrong)).toThrow(/model=h100,memory=80Gi,interface=sxm/)
})
