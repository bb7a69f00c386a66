import type Docker from 'dockerode'
import { beforeEach, expect, it } from 'vitest'
import { Gpus } from './gpus.ts'

const LABEL = 'network.cloister.gpus'

/** Containers of an engine that lists them a while after it was asked. */
let containers: Record<string, string>[]
let gpus: Gpus

beforeEach(() => {
  containers = [{ 'network.cloister.lease': '0x01' }]
  const docker = {
    listContainers: async () => {
      const now = containers.map((Labels) => ({ Labels }))
      await new Promise((resolve) => setTimeout(resolve, 5))
      return now
    },
  }
  gpus = new Gpus(docker as unknown as Docker, LABEL)
})

const start = (count: number) =>
  gpus.lend(count, async ({ labels, options }) => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    containers.push(labels)
    return options.DeviceRequests?.[0]?.DeviceIDs
  })

it('no two containers have the same GPU, also those that start at one moment', async () => {
  expect(await Promise.all([start(1), start(2), start(0), start(1)])).toEqual([
    ['0'],
    ['1', '2'],
    undefined,
    ['3'],
  ])
})

it('GPUs of a container that is gone are lent again', async () => {
  await start(2)
  await start(1)
  containers = containers.filter((labels) => labels[LABEL] !== '0,1')
  expect(await start(3)).toEqual(['0', '1', '3'])
})

it('one that doesn’t start keeps nobody from it', async () => {
  await expect(gpus.lend(1, () => Promise.reject(new Error('no such device')))).rejects.toThrow('no such')
  expect(await start(1)).toEqual(['0'])
})
