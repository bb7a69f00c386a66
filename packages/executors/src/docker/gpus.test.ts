import type Docker from 'dockerode'
import { beforeEach, expect, it } from 'vitest'
import { Gpus } from './gpus.ts'

const LABEL = 'network.cloister.gpus'

/** Containers of an engine that lists them a while after it was asked. */
let containers: Record<string, string>[]
let gpus: Gpus

const docker = {
  listContainers: async () => {
    const now = containers.map((Labels) => ({ Labels }))
    await new Promise((resolve) => setTimeout(resolve, 5))
    return now
  },
} as unknown as Docker

beforeEach(() => {
  containers = [{ 'network.cloister.lease': '0x01' }]
  gpus = new Gpus(docker, LABEL)
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

it('those of a kind are lent by UUID, and an index that was lent before is not lent again', async () => {
  const [first, third, fourth] = ['a', 'c', 'd'].map((digit) => `GPU-${digit.repeat(8)}`)
  gpus = new Gpus(docker, LABEL, [
    { index: 0, uuid: String(first) },
    { index: 2, uuid: String(third) },
    { index: 3, uuid: String(fourth) },
  ])
  containers.push({ [LABEL]: '0,1' })
  expect(await start(1)).toEqual([third])
  await expect(start(2)).rejects.toThrow('2 GPUs are needed, and 1 of the 3 that are lent here are free.')
  expect(await start(1)).toEqual([fourth])
  containers = []
  expect(await start(2)).toEqual([first, third])
})
