import fc from 'fast-check'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { CloisterError } from '../errors/error.ts'
import { parseManifest } from '../manifest/parse.ts'
import { defaultPolicy } from '../policy.ts'
import { bidFromJson, bidToJson, leaseIdOf, type SignedBid } from '../signed/bid.ts'
import {
  decodeAuthorization,
  encodeAuthorization,
  requestDigest,
  type SignedRequest,
} from '../signed/request.ts'
import { decodeLeaseName, encodeLeaseName, hostLabel, isLeaseName, shortId } from './names.ts'
import { hashOrder, needsSeparateNetworks, Order, orderFor } from './order.ts'
import { amountsOf, roomGrain, roomOf } from './room.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const hash = `0x${'ab'.repeat(32)}` as const
const bid: SignedBid = {
  tenant: account.address,
  worker: account.address,
  token: account.address,
  ratePerSecond: 12n,
  minimumDeposit: 43_200n,
  expiry: 1_800_000_000,
  room: 2n ** 64n - 1n,
  manifestHash: hash,
  order: hash,
  salt: 2n ** 255n,
  signature: '0x1234',
}

const manifestOf = (services: string) =>
  parseManifest(`services:\n${services}`, { file: 'compose.yaml' }).manifest

describe('bids', () => {
  it('survive JSON', () => expect(bidFromJson(JSON.parse(JSON.stringify(bidToJson(bid))))).toEqual(bid))

  it('are refused with anything missing, extra or out of range', () => {
    const json = bidToJson(bid)
    const { salt: _, ...missing } = json
    for (const wrong of [
      missing,
      { ...json, more: 1 },
      { ...json, ratePerSecond: (2n ** 80n).toString() },
      { ...json, minimumDeposit: (2n ** 96n).toString() },
      { ...json, room: (2n ** 64n).toString() },
      { ...json, salt: (2n ** 256n).toString() },
      { ...json, expiry: -1 },
      { ...json, tenant: '0x12' },
      null,
      'bid',
      [],
    ])
      expect(bidFromJson(wrong)).toBeUndefined()
  })

  it('have an id that every field and the market are part of', () => {
    const id = leaseIdOf(bid, 1, account.address)
    const others = [
      leaseIdOf({ ...bid, salt: 3n }, 1, account.address),
      leaseIdOf({ ...bid, ratePerSecond: 13n }, 1, account.address),
      leaseIdOf({ ...bid, minimumDeposit: 43_199n }, 1, account.address),
      leaseIdOf({ ...bid, room: 1n }, 1, account.address),
      leaseIdOf(bid, 2, account.address),
      leaseIdOf(bid, 1, `0x${'22'.repeat(20)}`),
    ]
    expect(new Set([id, ...others]).size).toBe(7)
  })
})

describe('room', () => {
  /** As in Room.sol. */
  const roomFits = (taken: bigint, more: bigint) =>
    [0n, 16n, 32n, 48n].every(
      (shift) => ((taken >> shift) & 0xffffn) + ((more >> shift) & 0xffffn) <= 0xffffn,
    )
  const none = { cpuMilli: 0, memoryMiB: 0, diskMiB: 0, gpus: 0 }
  const whole = { cpuMilli: 4_000, memoryMiB: 16_384, diskMiB: 100_000, gpus: 7 }

  it('is four parts of a worker, each by itself', () => {
    expect(roomOf(none, whole)).toBe(0n)
    expect(roomOf(whole, whole)).toBe(2n ** 64n - 1n)
    expect(roomOf({ ...none, cpuMilli: 2_000, gpus: 1 }, whole)).toBe((0x7fffn << 48n) | 9_362n)
    // What is there not at all is more than the whole of it.
    expect(roomOf({ ...none, gpus: 1 }, { ...whole, gpus: 0 })).toBe(0xffffn)
    expect(roomFits(0xffffn, 1n)).toBe(false)
    expect(roomFits(0xffffn, 1n << 16n)).toBe(true)
    expect(roomFits(0x8000n << 48n, 0x8000n << 48n)).toBe(false)
  })

  const cpus = (cpuMilli: number, capacity: number) =>
    roomOf({ ...none, cpuMilli }, { ...whole, cpuMilli: capacity })

  it('is no more than the whole for N Nths of a worker', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1 << 20 }), fc.integer({ min: 1, max: 1_000 }), (each, many) => {
        const room = cpus(each, each * many)
        for (let taken = 0n, i = 0; i < many; i++, taken += room) if (!roomFits(taken, room)) return false
        return true
      }),
    )
  })

  it('says what was bid, to its grain, and no more than would have taken the same room', () => {
    const amount = fc.integer({ min: 0, max: 1 << 24 })
    fc.assert(
      fc.property(
        amount,
        amount,
        amount,
        amount,
        amount,
        amount,
        fc.integer({ min: 0, max: 64 }),
        fc.integer({ min: 0, max: 64 }),
        (a, b, c, d, e, f, g, h) => {
          const all = {
            cpuMilli: Math.max(a, b),
            memoryMiB: Math.max(c, d),
            diskMiB: Math.max(e, f),
            gpus: Math.max(g, h),
          }
          const bid = {
            cpuMilli: Math.min(a, b),
            memoryMiB: Math.min(c, d),
            diskMiB: Math.min(e, f),
            gpus: Math.min(g, h),
          }
          const said = amountsOf(roomOf(bid, all), all)
          expect(roomOf(said, all)).toBe(roomOf(bid, all))
          for (const part of ['cpuMilli', 'memoryMiB', 'diskMiB', 'gpus'] as const) {
            expect(said[part]).toBeGreaterThanOrEqual(bid[part])
            const grain = roomGrain(all[part])
            // The least that is taken at all is a 65,535th.
            const more = bid[part] === 0 ? 0 : bid[part] * 65_535 < all[part] ? 2 * grain + 1 : grain
            expect(said[part] - bid[part]).toBeLessThanOrEqual(more)
            expect(said[part]).toBeLessThanOrEqual(all[part])
          }
        },
      ),
    )
  })

  it('oversells a worker by a 65,535th for each lease at the most', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1 << 20 }), { minLength: 1, maxLength: 50 }),
        fc.integer({ min: 1, max: 1 << 20 }),
        (leases, capacity) => {
          let [taken, sold] = [0n, 0]
          for (const lease of leases) {
            if (lease > capacity || !roomFits(taken, cpus(lease, capacity))) continue
            taken += cpus(lease, capacity)
            sold += lease
          }
          return sold <= capacity * (1 + leases.length / 65_535)
        },
      ),
    )
  })
})

describe('names of leases', () => {
  it('round through 32 bytes', () => {
    for (const name of ['a', 'my-app', 'x'.repeat(32)])
      expect(decodeLeaseName(encodeLeaseName(name))).toBe(name)
    expect(decodeLeaseName(encodeLeaseName(undefined))).toBeUndefined()
  })

  it('can not be taken for a short id, a host of another or markup', () => {
    for (const name of [
      '0123456789abcdef',
      '0123456789abcdef-web',
      '',
      '-a',
      'a-',
      'A',
      'a.b',
      'a/b',
      '<b>',
      'x'.repeat(33),
    ])
      expect(isLeaseName(name), name).toBe(false)
    expect(() => encodeLeaseName('No')).toThrow(CloisterError)
  })

  it('and host labels are safe in a host name, whatever the service is called', () => {
    fc.assert(fc.property(fc.string({ minLength: 1 }), (service) => /^[a-z0-9-]*$/.test(hostLabel(service))))
    expect(shortId(hash)).toBe('ab'.repeat(8))
  })
})

describe('orders', () => {
  it('ask for the sum of all services, and bind to the manifest', () => {
    const manifest = manifestOf(
      '  a: { image: x, deploy: { replicas: 2, resources: { limits: { cpus: "0.5", memory: 64M } } } }\n  b: { image: y, deploy: { resources: { limits: { cpus: "1", memory: 128M } } } }\n',
    )
    const order = orderFor(manifest, {
      tenant: account.address,
      token: account.address,
      policy: defaultPolicy(true),
      maxRatePerSecond: 5n,
    })
    expect(Order.parse(order)).toEqual(order)
    expect(order.resources).toMatchObject({ cpuMilli: 2000, memoryMiB: 256 })
    expect(order.maxRatePerSecond).toBe('5')
    expect(hashOrder(order)).not.toBe(hashOrder({ ...order, maxRatePerSecond: '6' }))
  })

  it('say when services need networks of their own', () => {
    expect(
      needsSeparateNetworks(
        manifestOf('  a: { image: x, ports: ["80"] }\n  b: { image: x, ports: ["81"] }\n'),
      ),
    ).toBe(false)
    expect(
      needsSeparateNetworks(
        manifestOf('  a: { image: x, ports: ["80"] }\n  b: { image: x, expose: ["80"] }\n'),
      ),
    ).toBe(true)
    expect(
      needsSeparateNetworks(
        manifestOf('  a: { image: x, ports: ["53:53"] }\n  b: { image: x, ports: ["53:53/udp"] }\n'),
      ),
    ).toBe(false)
    expect(
      needsSeparateNetworks(manifestOf('  a: { image: x, ports: ["80"], deploy: { replicas: 2 } }\n')),
    ).toBe(true)
  })
})

describe('signed requests', () => {
  const request: SignedRequest = {
    tenant: account.address,
    worker: account.address,
    method: 'GET',
    path: '/v1/leases?x=1',
    bodyHash: hash,
    issuedAt: 1,
    nonce: hash,
  }

  it('bind every part', () => {
    const variants: SignedRequest[] = [
      request,
      { ...request, method: 'PUT' },
      { ...request, path: '/v1/leases?x=2' },
      { ...request, issuedAt: 2 },
      { ...request, bodyHash: `0x${'00'.repeat(32)}` },
      { ...request, nonce: `0x${'01'.repeat(32)}` },
      { ...request, worker: `0x${'22'.repeat(20)}` },
    ]
    expect(
      new Set([...variants.map((variant) => requestDigest(variant, 1)), requestDigest(request, 2)]).size,
    ).toBe(variants.length + 1)
  })

  it('survive the header, and anything else is no authorization', () => {
    const authorization = { tenant: account.address, issuedAt: 1, nonce: hash, signature: '0x1234' as const }
    expect(decodeAuthorization(encodeAuthorization(authorization))).toEqual(authorization)
    fc.assert(fc.property(fc.string(), (text) => decodeAuthorization(`Cloister ${text}`) === undefined))
    for (const header of [undefined, 'Bearer x', `Cloister ${'A'.repeat(10_000)}`])
      expect(decodeAuthorization(header)).toBeUndefined()
  })
})
