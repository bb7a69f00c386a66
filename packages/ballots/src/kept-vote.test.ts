import { privateKeyToAccount } from 'viem/accounts'
import { expect, it } from 'vitest'
import { checkHubKey, hubKeyAt } from './hub-keys.ts'
import { parseKeptVote, writeKeptVote } from './kept-vote.ts'
import { idOfVote, type Vote } from './messages/vote.ts'

const [OLD, NEW] = ['11', '22'].map((byte) => privateKeyToAccount(`0x${byte.repeat(32)}`).address)
const vote: Vote = {
  from: OLD as `0x${string}`,
  space: 'cloister.eth',
  timestamp: 1_800_000_000,
  proposal: `0x${'ab'.repeat(32)}`,
  choice: [1, 3],
  reason: 'it is due',
  app: '',
  metadata: '{}',
}
const receipt = (hub: unknown, receivedAt: number) => ({
  vote: idOfVote(vote),
  content: 'bafk',
  receivedAt,
  hub: hub as `0x${string}`,
  signature: '0x12' as const,
})

it('is read as it was written, with the receipt or without, and nothing else is', () => {
  const signed = { ...vote, id: idOfVote(vote), signature: `0x${'12'.repeat(64)}1b` } as const
  const kept = { chainId: 1, ballots: OLD as `0x${string}`, hub: 'https://hub.example', vote: signed }
  expect(parseKeptVote(writeKeptVote(kept), 'here')).toEqual(kept)
  const whole = { ...kept, receipt: receipt(NEW, 5) }
  expect(parseKeptVote(writeKeptVote(whole), 'here')).toEqual(whole)
  for (const text of ['', '{}', writeKeptVote(kept).replace('"https', '"more": 1, "hub": "https').slice(1)])
    expect(() => parseKeptVote(text, 'here')).toThrow('here is no vote')
})

it('is signed for by the key that the network names for the time, after a change too', () => {
  const network = {
    name: 'main',
    hubKeys: [
      { key: NEW as `0x${string}`, since: 2_000 },
      { key: OLD as `0x${string}`, since: 1_000 },
    ],
  }
  expect([999, 1_000, 1_999, 2_000].map((time) => hubKeyAt(network, time))).toEqual([
    undefined,
    OLD,
    OLD,
    NEW,
  ])
  expect(() => checkHubKey(network, receipt(OLD, 1_500))).not.toThrow()
  expect(() => checkHubKey(network, receipt(NEW, 2_500), 2_400)).not.toThrow()
  expect(() => checkHubKey(network, receipt(NEW, 1_500))).toThrow(`main signs with ${OLD}`)
  expect(() => checkHubKey(network, receipt(OLD, 2_500))).toThrow(`main signs with ${NEW}`)
  expect(() => checkHubKey(network, receipt(OLD, 900))).toThrow('no key yet')
  // Somebody who has the old key signs for a time when it was in force.
  expect(() => checkHubKey(network, receipt(OLD, 1_500), 4_000)).toThrow('which is not now')
  expect(() => checkHubKey({ name: 'any' }, receipt(OLD, 1))).not.toThrow()
})
