import { expect, it } from 'vitest'
import { diskOnly } from './disk-only.ts'
import { parseManifest } from './parse.ts'
import { resourcesOf } from './resources.ts'

it('takes the disk of what it is made from, and as good as nothing else', () => {
  const { manifest } = parseManifest(
    `services:
  web: { image: a, cpus: 2, mem_limit: 4g, volumes: ["data:/data"], deploy: { replicas: 3 } }
  gpu: { image: b, deploy: { resources: { reservations: { devices: [{ driver: nvidia, count: 1, capabilities: [gpu] }] } } } }
volumes: { data: { x-size: 20g } }
`,
    { file: 'compose.yaml' },
  )
  const kept = diskOnly(manifest)
  expect(kept.volumes).toEqual(manifest.volumes)
  const { gpus, diskMiB } = resourcesOf(manifest)
  expect(gpus).toBe(1)
  expect(resourcesOf(kept)).toMatchObject({ cpuMilli: 151, memoryMiB: 102, diskMiB, gpus: 0 })
})
