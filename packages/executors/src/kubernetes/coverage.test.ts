import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Node, Pod } from './api-types.ts'
import type { Cluster } from './cluster.ts'
import { Coverage } from './coverage.ts'
import { nodeLabel } from './names.ts'
import type { Pods } from './pods.ts'

const LABEL = nodeLabel('abc')
let node: Node
let ready: string
let refusal: string | undefined
let deleted: string[]
let coverage: Coverage

beforeEach(() => {
  vi.useFakeTimers()
  ready = 'True'
  refusal = undefined
  deleted = []
  node = { metadata: { name: 'one', labels: {} } }
  const pod: Pod = { metadata: { name: 'web-0', namespace: 'n' }, spec: { nodeName: 'one', containers: [] } }
  const cluster = {
    get: async () => ({
      items: [{ ...node, status: { conditions: [{ type: 'Ready', status: ready }] } }],
    }),
    patch: async (_: string, { metadata }: { metadata: { labels: Record<string, string | null> } }) => {
      const labels = { ...node.metadata?.labels, ...metadata.labels }
      for (const [name, value] of Object.entries(labels)) if (value === null) delete labels[name]
      node = { metadata: { name: 'one', labels: labels as Record<string, string> } }
    },
    delete: async (path: string) => deleted.push(path),
  } as unknown as Cluster
  const pods = { all: () => [pod] } as unknown as Pods
  const nodes = [{ name: 'one', refusal: async () => refusal }]
  coverage = new Coverage({ cluster, pods, scope: 'abc', told: () => {}, nodes })
})
afterEach(() => vi.useRealTimers())

const look = async (seconds: number) => {
  vi.advanceTimersByTime(seconds * 1000)
  await coverage.look()
  return { isLabelled: node.metadata?.labels?.[LABEL] === 'true', deleted: deleted.length }
}

it('takes containers away from a machine of which the cluster has heard nothing for half a minute', async () => {
  expect(await look(0)).toEqual({ isLabelled: true, deleted: 0 })
  ready = 'Unknown'
  expect(await look(5)).toEqual({ isLabelled: true, deleted: 0 })
  expect(await look(20)).toEqual({ isLabelled: true, deleted: 0 })
  expect(await look(15)).toEqual({ isLabelled: false, deleted: 1 })
  ready = 'True'
  expect(await look(5)).toEqual({ isLabelled: true, deleted: 1 })
})

it('forgets silence that was over in time, and goes by the chain first', async () => {
  await look(0)
  ready = 'False'
  await look(5)
  ready = 'True'
  await look(25)
  ready = 'Unknown'
  expect(await look(10)).toEqual({ isLabelled: true, deleted: 0 })
  refusal = 'it is not covered'
  expect(await look(1)).toEqual({ isLabelled: false, deleted: 1 })
})
