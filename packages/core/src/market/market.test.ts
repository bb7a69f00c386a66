import fc from 'fast-check'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { CloisterError } from '../errors/error.ts'
import { parseManifest } from '../manifest/parse.ts'
import { defaultPolicy } from '../policy.ts'
import { decodeLeaseName, encodeLeaseName, hostLabel, isLeaseName, shortId } from './names.ts'
import { hashOrder, needsSeparateNetworks, Order, orderFor } from './order.ts'
import { amountsOf, fitsRoom, roomGrain, roomOf } from './room.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const hash = `0x${'ab'.repeat(32)}` as const
const manifestOf = (services: string) =>
  parseManifest(`services:\n${services}`, { file: 'compose.yaml' }).manifest

describe('room', () => {
  /** As in Room.sol. */
  const roomFits = (taken: bigint, more: bigint) =>
    [0n, 16n, 32n, 48n].every(
      (shift) => ((taken >> shift) & 0xffffn) + ((more >> shift) & 0xffffn) <= 0xffffn,
    )
  const none = { cpuMilli: 0, memoryMiB: 0, diskMiB: 0, gpus: 0 }
  const whole = { cpuMilli: 4_000, memoryMiB: 16_384, diskMiB: 100_000, gpus: 7 }

  it('fits beside what is taken while no part goes beyond the whole', () => {
    const third = 0x5555_5555_5555_5555n
    expect(fitsRoom(2n * third, third)).toBe(true)
    expect(fitsRoom(2n * third, third + 1n)).toBe(false)
    expect(fitsRoom(0xffff_0000_0000_0000n, 0x0001_0000_0000_0000n)).toBe(false)
    expect(fitsRoom(0xffff_0000_0000_0000n, 0x0000_ffff_ffff_ffffn)).toBe(true)
  })

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
      expect(decodeLeaseName(encodeLeaseName(name))).toEqual({ name })
    expect(decodeLeaseName(encodeLeaseName(undefined))).toBeUndefined()
    const group = 'x'.repeat(28)
    expect(decodeLeaseName(encodeLeaseName(`${group}/31`))).toEqual({ name: group, replica: 31 })
    for (const text of [`${group}x/1`, 'a/', 'a/01', 'a/b', '/1', 'a/1000', 'a/1/2', 'A/1'])
      expect(() => encodeLeaseName(text), text).toThrow(CloisterError)
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
