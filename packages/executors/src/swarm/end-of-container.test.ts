import { CloisterError } from '@cloister/core'
import { beforeEach, expect, it } from 'vitest'
import type { Exit } from '../executor.ts'
import { LOST } from '../several-machines.ts'
import { endOfContainer, type Whereabouts } from './end-of-container.ts'
import type { NodeEngine } from './node-engine.ts'
import type { Place } from './places.ts'

const ENDED: Exit = { code: 0, outOfMemory: false }
const KILLED: Exit = { code: 137, outOfMemory: false }

/** Where Swarm has the container's task; nowhere while it is being moved. */
let task: Place['task']
/** Whether the machine may have containers, as the worker knows, and as it would hear if it asked. */
let fit: { known: boolean; told: boolean }
/** Names of containers that the machine's engine has in the task's network. */
let held: string[]
/** What the engine says of the container's end, and what happens just before it does. */
let ends: () => Promise<Exit>

beforeEach(() => {
  task = { container: 'task', node: 'first' }
  fit = { known: true, told: true }
  held = ['web-0']
  ends = async () => ENDED
})

const engine = {
  containers: async () => held.map((name) => ({ name, networkOf: 'task' })),
  wait: () => ends(),
} as unknown as NodeEngine
const where: Whereabouts = {
  find: async () => ({ lease: '0xab', name: 'web-0', task }) as Place,
  askMachines: async () => {
    fit.known = fit.told
  },
  engineOf: () => (fit.known ? engine : undefined),
  untilMoved: (_, signal) => signal,
}
const end = () =>
  endOfContainer(where, {
    lease: '0xab',
    name: 'web-0',
    pauseMs: 1,
    signal: AbortSignal.timeout(2_000),
  })

it('is what the program ended with, where its machine may have it', async () => {
  expect(await end()).toEqual(ENDED)
  ends = async () => KILLED
  expect(await end()).toEqual(KILLED)
})

it('is that it was lost, where its machine ended it as its coverage was over', async () => {
  // Hears of it after the container was killed; Swarm moves the task some looks later.
  let waits = 0
  ends = async () => {
    fit.told = false
    setTimeout(() => (task = undefined), 20)
    waits++
    return KILLED
  }
  expect(await end()).toEqual(LOST)
  expect(waits).toBe(1)
})

it('is that it was lost, where its task is another by then, or its machine removed it', async () => {
  ends = async () => {
    task = undefined
    return KILLED
  }
  expect(await end()).toEqual(LOST)
  task = { container: 'task', node: 'first' }
  ends = async () => {
    held = []
    return KILLED
  }
  expect(await end()).toEqual(LOST)
})

it.each(['unreachable', 'not-attested'] as const)('waits for Swarm while its machine is %s', async (code) => {
  let waits = 0
  ends = async () => {
    if (++waits === 3) task = undefined
    throw new CloisterError(code, 'The machine is gone.')
  }
  expect(await end()).toEqual(LOST)
  expect(waits).toBe(3)
})

it("gives the engine's own trouble, unless the machine may have nothing any more", async () => {
  ends = () => Promise.reject(new CloisterError('engine-failed', 'The disk is full.'))
  await expect(end()).rejects.toThrow('The disk is full')
  ends = async () => {
    fit.told = false
    task = undefined
    throw new CloisterError('engine-failed', 'No such container.')
  }
  expect(await end()).toEqual(LOST)
})
