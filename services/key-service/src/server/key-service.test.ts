import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import { checkOf, PARTS, partsOf } from '@cloister/secrets'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { keyServiceManifest } from '../manifest.ts'
import type { Exchange } from '../protocol.ts'
import { Challenges } from './challenges.ts'
import { allComplete, exchangeFor, type Held, learn, partToMake } from './parts.ts'
import { Vault } from './vault.ts'

let made = 0
const secretOf = () => Buffer.alloc(32, ++made).toString('base64')
const empty = (seat: number): Held => ({ seat, parts: {}, checks: {}, open: false })

/** Three seats as they would be on three machines: a look asks those who answer, learns and makes up. */
class Seats {
  readonly held: Held[] = PARTS.map(empty)

  look(seat: number, absent: readonly number[] = []): void {
    let mine = this.at(seat)
    const told = new Map<number, Exchange>()
    for (const peer of PARTS) {
      if (peer === seat || absent.includes(peer)) continue
      const exchange = exchangeFor(this.at(peer), seat)
      mine = learn(mine, peer, exchange)
      told.set(peer, exchange)
    }
    for (let part = partToMake(mine, told); part !== undefined; part = partToMake(mine, told)) {
      const secret = secretOf()
      mine = {
        ...mine,
        parts: { ...mine.parts, [part]: secret },
        checks: { ...mine.checks, [part]: checkOf(Buffer.from(secret, 'base64')) },
      }
    }
    this.held[seat] = { ...mine, open: mine.open || allComplete(mine, told) }
  }

  lose(seat: number): void {
    this.held[seat] = empty(seat)
  }

  at(seat: number): Held {
    return this.held[seat] as Held
  }

  settle(): void {
    for (let round = 0; round < 4; round++) for (const seat of PARTS) this.look(seat)
  }
}

describe('three seats', () => {
  it('come to hold the same three parts, in whatever order they look', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ seat: fc.constantFrom(...PARTS), absent: fc.subarray([...PARTS]) }), {
          maxLength: 40,
        }),
        (looks) => {
          const seats = new Seats()
          for (const { seat, absent } of looks) seats.look(seat, absent)
          seats.settle()
          for (const held of seats.held) {
            expect(held.open).toBe(true)
            expect(Object.keys(held.parts).map(Number)).toEqual(partsOf(held.seat))
          }
          for (const part of PARTS)
            expect(new Set(seats.held.flatMap((held) => held.parts[part] ?? [])).size).toBe(1)
        },
      ),
    )
  })

  it('make nothing up while one of them is away', () => {
    const seats = new Seats()
    for (const seat of [0, 1, 0, 1]) seats.look(seat, [2])
    for (const held of seats.held) expect(held.parts).toEqual({})
  })

  it('none ever gets to hold all three parts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ seat: fc.constantFrom(...PARTS), lost: fc.boolean() }), { maxLength: 40 }),
        (events) => {
          const seats = new Seats()
          for (const { seat, lost } of events) {
            if (lost) seats.lose(seat)
            seats.look(seat)
            for (const held of seats.held) expect(Object.keys(held.parts).length).toBeLessThanOrEqual(2)
            expect(seats.at(seat).parts[seat as 0]).toBeUndefined()
          }
        },
      ),
    )
  })

  it('any one that is lost gets its parts from the other two, one after another', () => {
    const seats = new Seats()
    seats.settle()
    const before = seats.held.map(({ parts }) => ({ ...parts }))
    for (const seat of [1, 0, 2, 2, 0, 1]) {
      seats.lose(seat)
      seats.settle()
      expect(seats.held.map(({ parts }) => parts)).toEqual(before)
      expect(seats.at(seat).open).toBe(true)
    }
  })

  it('two that are lost at once lose what only they held, and nobody makes up another', () => {
    const seats = new Seats()
    seats.settle()
    seats.lose(0)
    seats.lose(1)
    seats.settle()
    expect(seats.at(0).parts[2]).toBeUndefined()
    expect(seats.at(1).parts[2]).toBeUndefined()
    expect(seats.at(0).open).toBe(false)
    expect(seats.at(2).open).toBe(true)
  })

  it('believe no other secret for a part that has a name', () => {
    const seats = new Seats()
    seats.settle()
    const lie: Exchange = { part: secretOf(), checks: {}, complete: true }
    expect(() => learn(empty(0), 1, lie)).toThrow(CloisterError)
    expect(() =>
      learn({ ...empty(0), checks: seats.at(2).checks }, 1, {
        ...lie,
        checks: { 2: checkOf(Buffer.alloc(32, 99)) },
      }),
    ).toThrow(/another secret/)
    expect(learn(seats.at(0), 1, lie).parts).toEqual(seats.at(0).parts)
  })
})

describe('the vault', () => {
  const folders: string[] = []
  const folder = () => {
    const made = mkdtempSync(join(tmpdir(), 'cloister-vault-'))
    folders.push(made)
    return made
  }
  afterEach(() => {
    for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true })
  })
  const key = new Uint8Array(32).fill(7)

  it('gives back what was saved, under the same key alone, and shows nothing of it', () => {
    const path = folder()
    const held: Held = { ...empty(1), parts: { 0: secretOf() }, checks: {} }
    expect(new Vault(path, key).load()).toBeUndefined()
    new Vault(path, key).save(held)
    expect(new Vault(path, key).load()).toEqual(held)
    expect(readFileSync(join(path, 'held.sealed')).includes(Buffer.from('parts'))).toBe(false)
    expect(() => new Vault(path, new Uint8Array(32).fill(8)).load()).toThrow(/does not open/)
  })

  it('notices every changed or missing byte', () => {
    const path = folder()
    new Vault(path, key).save(empty(2))
    const file = join(path, 'held.sealed')
    const bytes = readFileSync(file)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        writeFileSync(
          file,
          Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ flip : byte)),
        )
        expect(() => new Vault(path, key).load()).toThrow(CloisterError)
        writeFileSync(file, bytes.subarray(0, at))
        expect(() => new Vault(path, key).load()).toThrow(CloisterError)
      }),
    )
  })
})

describe('challenges', () => {
  it('are good once, and only those that were given out', () => {
    const challenges = new Challenges()
    const one = challenges.next()
    challenges.use(one)
    expect(() => challenges.use(one)).toThrow(/last minute/)
    expect(() => challenges.use(`0x${'00'.repeat(32)}`)).toThrow(CloisterError)
  })

  it('are bounded: the oldest is forgotten', () => {
    const challenges = new Challenges()
    const first = challenges.next()
    let last = first
    for (let i = 0; i < 10_001; i++) last = challenges.next()
    expect(() => challenges.use(first)).toThrow(CloisterError)
    challenges.use(last)
  })
})

describe('the manifest', () => {
  it('gives nobody a shell, and names its image by digest', () => {
    const { keys } = keyServiceManifest(`sha256:${'ab'.repeat(32)}`).services
    expect(keys).toMatchObject({ exec: false, agentSocket: true, readOnlyRoot: true })
    expect(keys?.image).toContain('@sha256:')
  })
})
