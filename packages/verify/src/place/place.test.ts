import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { isInPlace, verifyLabels } from './labels.ts'
import { type LabelStatement, newWitnessKey, signLabel, type WitnessKey } from './sign.ts'

const PPID = 'a0'.repeat(16)
const PLATFORM = createHash('sha256').update(Buffer.from(PPID, 'hex')).digest('hex')
const NOW = 1_790_000_000
const DAY = 86_400

describe('labels of places', () => {
  let alice: WitnessKey
  let bob: WitnessKey
  let stranger: WitnessKey
  const labels = (tokens: string[], instant = NOW) =>
    verifyLabels(tokens, {
      identity: PPID,
      witnesses: [
        { name: 'Alice', key: alice.publicKey },
        { name: 'Bob', key: bob.publicKey.toUpperCase() },
      ],
      instant,
    })
  const says = (key: WitnessKey, change: Partial<LabelStatement> = {}) =>
    signLabel(key, { platform: PLATFORM, label: 'hetzner/fsn1/dc14', instant: NOW - DAY, ...change })

  beforeAll(async () => {
    ;[alice, bob, stranger] = await Promise.all([newWitnessKey(), newWitnessKey(), newWitnessKey()])
  })

  it('count by the word of those who are believed, each with place, name and day', async () => {
    const { places, findings } = await labels([
      await says(alice),
      await says(bob, { label: 'HETZNER/fsn1' }),
      await says(stranger, { label: 'aws' }),
    ])
    expect(places).toEqual([
      { label: 'hetzner/fsn1/dc14', witness: 'Alice', instant: NOW - DAY },
      { label: 'HETZNER/fsn1', witness: 'Bob', instant: NOW - DAY },
    ])
    expect(findings.checks.every(({ ok }) => ok)).toBe(true)
    expect(findings.checks[0]?.found).toMatch(/^hetzner\/fsn1\/dc14, by Alice on \d{4}-\d\d-\d\d$/)
  })

  it('may name the machine by the first half of its id, as the public registry does, and no less', async () => {
    expect((await labels([await says(alice, { platform: PLATFORM.slice(0, 32) })])).places).toHaveLength(1)
    expect((await labels([await says(alice, { platform: PLATFORM.slice(0, 31) })])).places).toEqual([])
    expect((await labels([await says(alice, { platform: 'b'.repeat(64) })])).places).toEqual([])
  })

  it('are replaced by a newer word and ended by a revocation, in whatever order they come', async () => {
    const tokens = [
      await says(alice),
      await says(alice, { label: 'moved/here', instant: NOW - 10 }),
      await says(alice, { label: '', revoked: true, instant: NOW - 5 }),
    ]
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(tokens, { minLength: 3 }), async (shuffled) => {
        const { places, findings } = await labels(shuffled)
        expect(places).toEqual([])
        expect(findings.checks).toMatchObject([{ ok: false }])
      }),
    )
    expect((await labels(tokens.slice(0, 2))).places).toMatchObject([{ label: 'moved/here' }])
    // Said again after it was taken back.
    expect((await labels([...tokens, await says(alice, { instant: NOW - 1 })])).places).toHaveLength(1)
  })

  it('count neither from the future nor for ever', async () => {
    expect((await labels([await says(alice, { instant: NOW + DAY })])).places).toEqual([])
    expect((await labels([await says(alice)], NOW + 399 * DAY)).places).toHaveLength(1)
    expect((await labels([await says(alice)], NOW + 401 * DAY)).places).toEqual([])
  })

  it('count for nothing once a character is changed, whatever it is', async () => {
    const token = await says(alice)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom('A', '_', '.', '~'),
        async (at, character) => {
          fc.pre(token[at] !== character)
          const { places } = await labels([token.slice(0, at) + character + token.slice(at + 1)])
          // Some bits at the end of base64url mean nothing.
          expect(places.length === 0 || places[0]?.label === 'hetzner/fsn1/dc14').toBe(true)
        },
      ),
    )
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        expect((await labels([text])).places).toEqual([])
      }),
    )
  })

  it('signed with no algorithm, or another, count for nothing', async () => {
    const [, payload = '', signature = ''] = (await says(alice)).split('.')
    for (const alg of ['none', 'HS256', 'ES256']) {
      const header = Buffer.from(JSON.stringify({ alg, kid: alice.publicKey })).toString('base64url')
      expect((await labels([`${header}.${payload}.${signature}`, `${header}.${payload}.`])).places).toEqual(
        [],
      )
    }
  })

  it('show nothing that moves a cursor', async () => {
    expect((await labels([await says(alice, { label: 'a\u001b[2J' })])).places).toEqual([])
  })

  it('are matched part by part', () => {
    expect(isInPlace('AWS/eu-central-1/a', 'aws/EU-central-1')).toBe(true)
    expect(isInPlace('aws/eu-central-1', 'aws/eu-central-1')).toBe(true)
    expect(isInPlace('aws/eu-central-10', 'aws/eu-central-1')).toBe(false)
    expect(isInPlace('aws', 'aws/eu-central-1')).toBe(false)
    expect(isInPlace('gcp/aws', 'aws')).toBe(false)
  })
})
