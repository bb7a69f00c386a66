import { CloisterError } from '@cloister/core'
import { generateKeyPair, type KeyPair, openEnvelope, PARTS } from '@cloister/secrets'
import { type Hex, zeroHash } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { keyService, sealForApp, seatConsent } from './key-service.ts'
import { type FakeKeyService, startFakeKeyService } from './testing/key-service.ts'

const APP: Hex = `0x${'ab'.repeat(32)}`
const KEYS = `/v1/apps/${APP}/keys`
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

let service: FakeKeyService
/** The app's keys, by part. */
let pairs: KeyPair[]

/** What a seat says of the app's keys, all but that of the part which it lacks. */
const keysOf = (seat: number, changes: Record<string, string> = {}) => {
  const held = PARTS.filter((part) => part !== seat)
  const keys = Object.fromEntries(
    held.map((part) => [part, base64(pairs[part]?.publicKey ?? new Uint8Array())]),
  )
  return { seat, keys: { ...keys, ...changes } }
}
const seat = (index: number) => {
  const found = service.seats[index]
  if (!found) throw new Error(`There is no seat ${index}.`)
  return found
}

beforeAll(async () => {
  service = await startFakeKeyService()
  pairs = [await generateKeyPair(), await generateKeyPair(), await generateKeyPair()]
}, 60_000)
afterAll(() => service?.stop())

beforeEach(() =>
  service.reset((index) => ({
    '/v1/state': { lease: seat(index).lease, seat: index, open: true, checks: {} },
    [KEYS]: keysOf(index),
  })),
)

describe('the key service', () => {
  it('is told of seat by seat, each judged before it is believed', async () => {
    const seats = await keyService(service.cloister)
    expect(seats).toMatchObject(
      [0, 1, 2].map((index) => ({
        index,
        lease: seat(index).lease,
        worker: seat(index).key.address,
        state: { seat: index, open: true },
        problem: undefined,
      })),
    )
  })

  it('has no word of a seat that runs something else, which is not even asked', async () => {
    seat(2).runs = zeroHash
    const [one, , three] = await keyService(service.cloister)
    expect(one).toMatchObject({ state: { open: true } })
    expect(three).toMatchObject({ state: undefined, problem: expect.stringMatching(/another manifest/) })
    expect(seat(2).asked).toEqual([])
  })

  it('shows what is wrong with a seat that does not answer', async () => {
    seat(1).reset({})
    const [, two] = await keyService(service.cloister)
    expect(two).toMatchObject({ state: undefined, problem: 'There is no such thing.' })
  })
})

describe('sealing', () => {
  const seal = () => sealForApp(service.cloister, APP, { PASSWORD: Buffer.from('secret') })
  const opened = async () => {
    const [one, two, three] = pairs.map(({ privateKey }) => privateKey)
    if (!one || !two || !three) throw new Error('There are three keys.')
    return Buffer.from((await openEnvelope(await seal(), [one, two, three]))['PASSWORD'] ?? '').toString()
  }

  it('is to the keys that the seats name, and takes all three private ones to open', async () => {
    expect(await seal()).toMatchObject({ app: APP, names: ['PASSWORD'] })
    expect(await opened()).toBe('secret')
  })

  it('asks no seat for the part that it lacks, whatever it says of it', async () => {
    const other = base64((await generateKeyPair()).publicKey)
    seat(1).reset({ [KEYS]: keysOf(1, { 1: other }) })
    expect(await opened()).toBe('secret')
  })

  it('goes on while one seat is away, or is not to be believed', async () => {
    seat(0).reset({})
    expect(await opened()).toBe('secret')
    service.reset((index) => ({ [KEYS]: keysOf(index) }))
    seat(0).runs = zeroHash
    expect(await opened()).toBe('secret')
    expect(seat(0).asked).toEqual([])
  })

  it('seals nothing where two seats name different keys for a part', async () => {
    const other = base64((await generateKeyPair()).publicKey)
    seat(1).reset({ [KEYS]: keysOf(1, { 0: other }) })
    await expect(seal()).rejects.toMatchObject({ code: 'seats-disagree', hint: expect.anything() })
  })

  it('seals nothing with one seat, and says what is wrong with the others', async () => {
    seat(0).reset({})
    seat(2).runs = zeroHash
    const refused = await seal().catch((error) => error)
    expect(refused).toMatchObject({ code: 'keys-unavailable' })
    expect(refused.message).toMatch(/^The key service can't be had: .*[^.]\.$/)
    expect(refused.message).toContain('seat 0: There is no such thing')
    expect(refused.message).toContain('seat 2: The worker runs another manifest')
  })
})

describe('the consent to a seat', () => {
  it('is the word of the worker that the lease is on, handed on as it is', async () => {
    const consent = {
      seat: 0,
      lease: seat(0).lease,
      expiry: 1_900_000_000,
      signature: `0x${'1b'.repeat(65)}`,
    }
    seat(0).reset({ '/v1/consent': consent })
    expect(await seatConsent(service.cloister, seat(0).lease)).toEqual(consent)
    expect(service.seats.map(({ asked }) => asked)).toEqual([['/v1/consent'], [], []])
  })

  it('is refused where the provider gives no seat', async () => {
    seat(1).reset({ '/v1/consent': new CloisterError('forbidden', 'This provider gives no seat.') })
    await expect(seatConsent(service.cloister, seat(1).lease)).rejects.toMatchObject({
      code: 'forbidden',
      message: 'This provider gives no seat.',
    })
  })
})
