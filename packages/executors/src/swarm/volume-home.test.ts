import { beforeEach, expect, it, vi } from 'vitest'
import type { ContainerSpec } from '../executor.ts'
import type { Membership } from './membership.ts'
import type { Places } from './places.ts'
import { volumeHome } from './volume-home.ts'

/** Where volumes are, which machines the Swarm has, and which of those may have containers. */
let homes: Map<string, string>
let nodes: string[]
let usable: string[]
const looked = { nodes: 0 }

beforeEach(() => {
  homes = new Map([['data', 'n1']])
  nodes = ['n1', 'n2']
  usable = ['n1', 'n2']
  looked.nodes = 0
})

// Only what is asked of them.
const places = {
  volumesOf: async () => homes,
  nodes: async () => {
    looked.nodes++
    return nodes.map((id) => ({ id }))
  },
} as unknown as Places
const membership = {
  engineOf: (node: string) => (usable.includes(node) ? {} : undefined),
} as unknown as Membership
const homeOf = (...volumes: string[]) =>
  volumeHome(
    { lease: '0xab', name: 'web-0', mounts: volumes.map((volume) => ({ volume })) } as ContainerSpec,
    { places, membership },
  )

it('is where its volumes began, and anywhere while it has none', async () => {
  expect(await homeOf('data')).toBe('n1')
  expect(await homeOf('data', 'new')).toBe('n1')
  expect(await homeOf('new')).toBeUndefined()
  expect(await homeOf()).toBeUndefined()
  homes.set('more', 'n2')
  await expect(homeOf('data', 'more')).rejects.toMatchObject({ code: 'start-failed' })
})

it('is lost, at once, where the Swarm has that machine no more', async () => {
  nodes = ['n2']
  await expect(homeOf('data')).rejects.toMatchObject({
    code: 'volume-lost',
    message: 'The volume data of web-0 is lost with its machine, which the provider says is gone for good.',
  })
  expect(looked.nodes).toBe(1)
})

it('is away after a while in which its machine may have no containers', async () => {
  vi.useFakeTimers()
  try {
    usable = ['n2']
    const short = homeOf('data')
    await vi.advanceTimersByTimeAsync(10_000)
    usable = ['n1']
    await vi.advanceTimersByTimeAsync(3_000)
    expect(await short).toBe('n1')
    usable = []
    const failed = expect(homeOf('data')).rejects.toMatchObject({ code: 'volume-away' })
    await vi.advanceTimersByTimeAsync(30_000)
    await failed
  } finally {
    vi.useRealTimers()
  }
})
