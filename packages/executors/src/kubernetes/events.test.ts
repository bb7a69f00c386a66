import { beforeEach, expect, it } from 'vitest'
import type { Notice } from '../executor.ts'
import type { Pod } from './api-types.ts'
import type { Cluster } from './cluster.ts'
import { type ClusterEvent, Events } from './events.ts'
import { LABEL } from './names.ts'
import type { Pods } from './pods.ts'
import { Stats, type Summary } from './stats.ts'

let pod: Pod
let items: ClusterEvent[]
let asked: string[]
let notices: Notice[]
let events: Events
let now: number

beforeEach(() => {
  now = Date.now()
  asked = []
  notices = []
  const annotations = { [`${LABEL}/lease`]: '0xab', [`${LABEL}/name`]: 'web-0' }
  pod = { metadata: { uid: 'u1', namespace: 'n', name: 'p', annotations }, status: { phase: 'Pending' } }
  items = [event('FailedScheduling', '0/3 nodes are available: 3 Insufficient cpu.')]
  const cluster = {
    get: async (path: string) => {
      asked.push(path)
      return { items }
    },
  } as unknown as Cluster
  const pods = { all: () => [pod] } as unknown as Pods
  events = new Events({ cluster, pods, tell: (notice) => notices.push(notice) })
})

const event = (reason: unknown, message: unknown, more: Partial<ClusterEvent> = {}): ClusterEvent => ({
  type: 'Warning',
  reason,
  message,
  lastTimestamp: new Date(Date.now() + 1_000).toISOString(),
  involvedObject: { kind: 'Pod', uid: 'u1' },
  ...more,
})
const look = async (seconds = 6) => {
  now += seconds * 1000
  await events.look(now)
}

it('tells what a cluster complains of about a container that doesn’t run, once', async () => {
  await look()
  expect(asked).toEqual([])
  await look()
  items.push(event('FailedScheduling', '0/4 nodes are available: 4 Insufficient cpu.'))
  await look()
  expect(notices).toEqual([
    {
      lease: '0xab',
      message: 'web-0: the cluster says FailedScheduling: 0/3 nodes are available: 3 Insufficient cpu.',
    },
  ])
  expect(asked).toEqual(Array(2).fill('/api/v1/namespaces/n/events'))
  await look(601)
  expect(notices).toHaveLength(2)
})

it('tells of no container that runs, of none of ours that is no container, and nothing old', async () => {
  pod.status = { containerStatuses: [{ name: 'main', state: { running: {} } }] }
  await look()
  await look()
  expect(asked).toEqual([])
  pod.status = { phase: 'Pending' }
  items = [
    event('Old', 'x', { lastTimestamp: '2020-01-01T00:00:00Z' }),
    event('Other', 'x', { involvedObject: { uid: 'u2' } }),
    event('DeadlineExceeded', 'x'),
  ]
  await look()
  await look()
  expect(asked).toHaveLength(1)
  expect(notices).toEqual([])
})

it('tells why a machine threw a container out', async () => {
  pod.status = { phase: 'Failed', reason: 'Evicted', containerStatuses: [{ name: 'main', state: {} }] }
  items = [event('Evicted', 'The node was low on resource: memory.')]
  await look()
  expect(notices.map(({ message }) => message)).toEqual([
    'web-0: the cluster says Evicted: The node was low on resource: memory.',
  ])
})

it('believes no event, and is no way to flood a tenant', async () => {
  const odd = [
    null,
    'x',
    { involvedObject: null },
    event({}, ['a']),
    event('Fa\u001b[2Jil', '\u202eab\r\nc'.repeat(999)),
  ]
  items = odd.filter(Boolean) as ClusterEvent[]
  await look()
  await look()
  for (const { message } of notices) {
    expect(message.length).toBeLessThan(500)
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  }
  items = Array.from({ length: 1_000 }, (_, index) => event('Failed', 'x'.repeat(index)))
  for (let times = 0; times < 10; times++) await look()
  expect(notices.length).toBeLessThanOrEqual(30)
})

it('counts what containers wrote and volumes hold, each once, and no disk that others share', async () => {
  const summary: Summary = {
    pods: [
      {
        podRef: { uid: 'u1' },
        containers: [{ rootfs: { usedBytes: 5 } }, { rootfs: {} }],
        volume: [
          { usedBytes: 100, capacityBytes: 1_000, pvcRef: { name: 'own' } },
          { usedBytes: 7_000, capacityBytes: 9_000, pvcRef: { name: 'shared' } },
          { usedBytes: 3, capacityBytes: 10 },
        ],
      },
      { podRef: { uid: 'u2' }, volume: [{ usedBytes: 100, capacityBytes: 1_000, pvcRef: { name: 'own' } }] },
      { podRef: { uid: 'other' }, containers: [{ rootfs: { usedBytes: 1e9 } }] },
      {} as never,
    ],
  }
  const cluster = { get: async () => summary } as unknown as Cluster
  const on = (uid: string): Pod => ({ metadata: { uid }, spec: { nodeName: 'one', containers: [] } })
  const sizes = new Map(Object.entries({ own: 1_000, shared: 1_000 }))
  const stats = new Stats(cluster, () => {})
  expect(await stats.diskUsage([on('u1'), on('u2')], async () => sizes)).toBe(105)
  expect(await stats.diskUsage([], async () => sizes)).toBe(0)
})
