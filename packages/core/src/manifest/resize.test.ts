import { describe, expect, it } from 'vitest'
import { hashManifest } from './canonical.ts'
import { parseManifest } from './parse.ts'
import { resizeManifest } from './resize.ts'
import { resourcesOf } from './resources.ts'

const manifestOf = (text: string) => parseManifest(text, { file: 'compose.yaml' }).manifest
const one = manifestOf(
  'services:\n  web:\n    image: x\n    mem_limit: 256m\n    volumes: [data:/data]\nvolumes:\n  data: { x-size: 1g }\n',
)
const two = manifestOf(
  'services:\n  web:\n    image: x\n    deploy: { replicas: 2 }\n    volumes: [a:/a, b:/b]\n  db:\n    image: y\nvolumes:\n  a: {}\n  b: {}\n',
)

describe('a manifest of another size', () => {
  it('is the same as the file with that size', () => {
    const edited = manifestOf(
      'services:\n  web:\n    image: x\n    cpus: 2\n    mem_limit: 4g\n    volumes: [data:/data]\nvolumes:\n  data: { x-size: 20g }\n',
    )
    const before = hashManifest(one)
    const resized = resizeManifest(one, { cpuMilli: 2000, memoryMiB: 4096, diskMiB: 20_480 })
    expect(hashManifest(resized)).toBe(hashManifest(edited))
    expect(hashManifest(one)).toBe(before)
  })

  it('changes what is named alone, for each copy of a service', () => {
    const resized = resizeManifest(two, { service: 'web', memoryMiB: 1024 })
    expect(resized.services['db']).toEqual(two.services['db'])
    expect(resourcesOf(resized).memoryMiB - resourcesOf(two).memoryMiB).toBe(
      2 * (1024 - (two.services['web']?.resources.memoryMiB ?? 0)),
    )
    expect(resizeManifest(two, { volume: 'b', diskMiB: 5000 }).volumes).toMatchObject({
      a: two.volumes['a'],
      b: { sizeMiB: 5000 },
    })
    // Without a volume it is the service's own disk.
    expect(resizeManifest(two, { service: 'db', diskMiB: 5000 }).services['db']?.resources.diskMiB).toBe(5000)
  })

  it('has GPUs, more of them or none', () => {
    const first = resizeManifest(one, { gpus: 1 })
    expect(first.services['web']?.resources.gpu).toEqual({ count: 1, vendor: 'nvidia', models: [] })
    expect(resizeManifest(first, { gpus: 2 }).services['web']?.resources.gpu?.count).toBe(2)
    expect(resizeManifest(first, { gpus: 0 })).toEqual(one)
  })

  it.each([
    [one, {}, 'Say what is to have another size'],
    [two, { memoryMiB: 64 }, 'Say which service: db, web.'],
    [two, { service: 'web', diskMiB: 64 }, 'Say which volume the disk is for: a, b.'],
    [two, { service: 'mail', cpuMilli: 1 }, 'no service mail. It has: db, web.'],
    [two, { service: '__proto__', cpuMilli: 1 }, 'no service __proto__'],
    [one, { volume: 'logs', diskMiB: 1 }, 'no volume logs. It has: data.'],
    [one, { volume: 'data', cpuMilli: 100 }, 'Say how large the volume data is to be.'],
    [one, { memoryMiB: 0 }, 'services.web.resources.memoryMiB'],
    [one, { cpuMilli: 0.5 }, 'services.web.resources.cpuMilli'],
  ] as const)('is refused where it isn’t clear or possible: %#', (manifest, change, expected) => {
    expect(() => resizeManifest(manifest, change)).toThrow(expected)
  })
})
