import { beforeEach, expect, it } from 'vitest'
import { Membership, type SwarmMember } from './membership.ts'
import type { NodeEngine } from './node-engine.ts'
import type { Places } from './places.ts'

/** What Swarm has of each machine. */
let labelled: Set<string>
const machines = [
  { id: 'manager', isManager: true },
  { id: 'first', isManager: false },
  { id: 'second', isManager: false },
]
// Swarm is not what is tried here.
const places = {
  nodes: async () => machines.map((one) => ({ ...one, hostname: one.id, isLabelled: labelled.has(one.id) })),
  label: async (id: string, isCovered: boolean) => void (isCovered ? labelled.add(id) : labelled.delete(id)),
} as unknown as Places

/** A member, and what it says of itself. */
function member(name: string, says: { node: string; refusal?: string; isSilent?: boolean }) {
  const engine = {
    facts: async () => {
      if (says.isSilent) throw new Error('no answer')
      return { node: says.node, canEncrypt: true }
    },
  } as unknown as NodeEngine
  const one: SwarmMember = { name, engine, refusal: async () => says.refusal }
  return one
}

const here = { ...member('here', { node: 'manager' }), isHere: true as const }
beforeEach(() => {
  labelled = new Set()
})

it('a member that is covered no longer has no containers at once, whether it answers or not', async () => {
  const says: { node: string; refusal?: string; isSilent?: boolean } = { node: 'first' }
  const membership = new Membership(places, [here, member('first', says)], () => {})
  await membership.look()
  expect([...labelled]).toEqual(['manager', 'first'])
  // One that only doesn't answer is waited for.
  says.isSilent = true
  await membership.look()
  expect([...labelled]).toEqual(['manager', 'first'])
  says.refusal = 'it is not attested now'
  await membership.look()
  expect([...labelled]).toEqual(['manager'])
  expect(membership.engineOf('first')).toBeUndefined()
  // One that answers is told what to end there, and given nothing.
  says.isSilent = false
  await membership.look()
  expect([...labelled]).toEqual(['manager'])
  expect([membership.engineOf('first'), membership.reachedAt('first')]).toEqual([
    undefined,
    expect.anything(),
  ])
})

it('a member that says it is another gets nothing that is for that one', async () => {
  const says = { node: 'second' }
  const [first, second] = [member('first', { node: 'first' }), member('second', says)]
  const membership = new Membership(places, [here, second, first], () => {})
  await membership.look()
  expect(membership.engineOf('first')).toBe(first.engine)
  says.node = 'first'
  await membership.look()
  expect([...labelled]).toEqual(['manager'])
  expect(membership.engineOf('first')).toBeUndefined()
  says.node = 'second'
  await membership.look()
  expect(membership.engineOf('first')).toBe(first.engine)
})

it('what members say of themselves changes nothing about the machine that asks', async () => {
  const membership = new Membership(places, [member('first', { node: 'manager' }), here], () => {})
  await membership.look()
  expect([...labelled]).toEqual(['manager'])
  expect([membership.alarm, membership.engineOf('manager')]).toEqual([undefined, here.engine])
})
