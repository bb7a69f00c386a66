import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { installedGpus } from './installed.ts'
import { chooseGpus } from './lent.ts'
import { readProduct } from './product.ts'

const folder = mkdtempSync(join(tmpdir(), 'cloister-gpus-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A program that says what `nvidia-smi` would, by its lines of a GPU each. */
function smiOf(name: string, printed: string, code = 0): string {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\ncat <<'END'\n${printed}\nEND\nexit ${code}\n`, { mode: 0o755 })
  return path
}

const uuid = (digit: string) => `GPU-${digit.repeat(8)}-0000-4000-8000-${digit.repeat(12)}`
/** Two SXM and a PCIe card of one class, and another of its own. */
const MIXED = smiOf(
  'mixed',
  `0, ${uuid('a')}, 81559, NVIDIA H100 80GB HBM3
1, ${uuid('b')}, 81559, NVIDIA H100 PCIe
2, ${uuid('c')}, 15360, Tesla T4
3, ${uuid('d')}, 81559, NVIDIA H100 80GB HBM3`,
)
const capacity = (gpus: number, gpuClass: string) => ({ cpus: 1, memory: 1, disk: 1, gpus, gpuClass })

// As drivers print them: NVIDIA's list of supported products, and `nvidia-smi` of such machines.
it.each([
  ['NVIDIA H100 80GB HBM3', 81_559, { gpuClass: 'h100', memoryGiB: 80, form: 'sxm' }],
  ['NVIDIA H100 PCIe', 81_559, { gpuClass: 'h100', memoryGiB: 80, form: 'pcie' }],
  ['NVIDIA H100 NVL', 95_830, { gpuClass: 'h100', memoryGiB: 94, form: 'pcie' }],
  ['NVIDIA H200', 143_771, { gpuClass: 'h200', memoryGiB: 141, form: 'sxm' }],
  ['NVIDIA H200 NVL', 143_771, { gpuClass: 'h200', memoryGiB: 141, form: 'pcie' }],
  ['NVIDIA B200', 183_359, { gpuClass: 'b200', memoryGiB: 180 }],
  // Of one size, in either form: memory says nothing of it.
  ['NVIDIA A100-SXM4-80GB', 81_920, { gpuClass: 'a100', memoryGiB: 80, form: 'sxm' }],
  ['NVIDIA A100 80GB PCIe', 81_920, { gpuClass: 'a100', memoryGiB: 80, form: 'pcie' }],
  ['NVIDIA A100-SXM4-40GB', 40_960, { gpuClass: 'a100', memoryGiB: 40, form: 'sxm' }],
  ['A100-PCIE-40GB', 40_536, { gpuClass: 'a100', memoryGiB: 40, form: 'pcie' }],
  ['Tesla V100-SXM2-16GB', 16_160, { gpuClass: 'v100', memoryGiB: 16, form: 'sxm' }],
  ['Tesla T4', 15_109, { gpuClass: 't4', memoryGiB: 16 }],
  ['NVIDIA L40S', 46_068, { gpuClass: 'l40s', memoryGiB: 48 }],
  ['NVIDIA A10', 23_028, { gpuClass: 'a10', memoryGiB: 24 }],
  ['NVIDIA RTX A6000', 49_140, { gpuClass: 'rtxa6000', memoryGiB: 48 }],
  ['NVIDIA RTX 6000 Ada Generation', 49_140, { gpuClass: 'rtx6000ada', memoryGiB: 48 }],
  ['NVIDIA GeForce RTX 4090', 24_564, { gpuClass: 'rtx4090', memoryGiB: 24 }],
  ['NVIDIA GeForce GTX 1080 Ti', 11_178, { gpuClass: 'gtx1080ti', memoryGiB: 11 }],
])('%s with %i MiB is told by its name', (name, memoryMiB, product) => {
  expect(readProduct(name, memoryMiB)).toEqual(product)
})

describe('a machine’s GPUs', () => {
  it('are read from the driver, and not there to read without it', async () => {
    expect(await installedGpus(join(folder, 'none'))).toBeUndefined()
    expect(await installedGpus(smiOf('empty', ''))).toEqual([])
    expect(await installedGpus(MIXED)).toMatchObject([
      { index: 0, uuid: uuid('a'), gpuClass: 'h100', form: 'sxm' },
      { index: 1, uuid: uuid('b'), gpuClass: 'h100', form: 'pcie' },
      { index: 2, uuid: uuid('c'), gpuClass: 't4' },
      { index: 3, uuid: uuid('d') },
    ])
    await expect(installedGpus(smiOf('broken', 'No devices were found', 9))).rejects.toThrow(/fails on this/)
    await expect(installedGpus(smiOf('odd', '0, [Unknown Error]'))).rejects.toThrow(/in other words/)
  })

  it('are lent by class, memory and form, each kind by itself', async () => {
    const installed = (await installedGpus(MIXED)) ?? []
    const choose = (gpus: number, gpuClass: string, attributes: Record<string, string> = {}) =>
      chooseGpus({ capacity: capacity(gpus, gpuClass), attributes }, installed)
    const sxm = choose(2, 'h100', { 'gpu-interface': 'SXM' })
    expect(sxm.gpus.map(({ index }) => index)).toEqual([0, 3])
    expect(sxm.attributes).toEqual({ 'gpu-ram': '80Gi', 'gpu-interface': 'sxm' })
    expect(choose(1, 'h100', { 'gpu-interface': 'pcie' }).gpus.map((gpu) => gpu.uuid)).toEqual([uuid('b')])
    expect(choose(1, 't4', { 'gpu-ram': '16Gi' })).toMatchObject({ attributes: { 'gpu-ram': '16Gi' } })
    // A name without a form is believed to be as the provider says.
    expect(choose(1, 't4', { 'gpu-interface': 'pcie' }).attributes['gpu-interface']).toBe('pcie')
    expect(() => choose(1, 'h100')).toThrow(
      "This machine has 2 × h100 80Gi sxm, 1 × h100 80Gi pcie, 1 × t4 16Gi, and a worker's GPUs are of one kind",
    )
    for (const [gpus, gpuClass, attributes, lent] of [
      [3, 'h100', { 'gpu-interface': 'sxm' }, '3 × h100 sxm'],
      [1, 'h200', {}, '1 × h200'],
      [1, 't4', { 'gpu-ram': '80Gi' }, '1 × t4 80Gi'],
      [1, 't4', { 'gpu-ram': 'much' }, '1 × t4 much'],
      [1, '', {}, '1 × GPUs of no class'],
    ] as const)
      expect(() => choose(gpus, gpuClass, attributes)).toThrow(`the configuration lends ${lent}.`)
    expect(() => chooseGpus({ capacity: capacity(1, 't4'), attributes: {} }, [])).toThrow('has no GPU')
  })
})
