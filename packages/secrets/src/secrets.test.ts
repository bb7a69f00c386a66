import { randomBytes } from 'node:crypto'
import { CloisterError } from '@cloister/core'
import fc from 'fast-check'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { appKeyPair, checkOf, PARTS, type Part, partsOf } from './app-keys.ts'
import { type Envelope, readEnvelope } from './envelope.ts'
import { generateKeyPair, open, publicKeyOf, seal } from './hpke.ts'
import { keepSecrets } from './kept.ts'
import { openEnvelope, sealSecrets } from './sealing.ts'

const APP: Hex = `0x${'a1'.repeat(32)}`
const OTHER: Hex = `0x${'b2'.repeat(32)}`
const secretsOf = (parts: Part[], all: Uint8Array[]) =>
  parts.map((part) => [part, all[part] as Uint8Array] as const)

async function keysOf(all: Uint8Array[], app: Hex) {
  const pairs = await Promise.all(all.map((secret) => appKeyPair(secret, app)))
  const [a, b, c] = pairs
  if (!a || !b || !c) throw new Error('three parts are needed')
  return {
    publicKeys: [a.publicKey, b.publicKey, c.publicKey] as const,
    privateKeys: [a.privateKey, b.privateKey, c.privateKey] as const,
  }
}

const code = (expected: string) => (error: unknown) =>
  error instanceof CloisterError && error.code === expected

describe('sealing', () => {
  it('opens for whoever has all the keys, in their order, for the same purpose', async () => {
    const [one, two] = await Promise.all([generateKeyPair(), generateKeyPair()])
    const sealed = await seal([one.publicKey, two.publicKey], Buffer.from('hello'), 'test')
    expect(Buffer.from(await open([one.privateKey, two.privateKey], sealed, 'test')).toString()).toBe('hello')
    for (const [keys, context] of [
      [[two.privateKey, one.privateKey], 'test'],
      [[one.privateKey, one.privateKey], 'test'],
      [[two.privateKey], 'test'],
      [[one.privateKey, two.privateKey], 'another'],
    ] as const)
      await expect(open(keys, sealed, context)).rejects.toSatisfy(code('not-sealed-for-us'))
  })

  it('notices every changed, missing or added byte', async () => {
    const { publicKey, privateKey } = await generateKeyPair()
    const sealed = await seal([publicKey], Buffer.from('a secret'), 'test')
    await fc.assert(
      fc.asyncProperty(
        fc.nat(sealed.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.nat(sealed.length - 1),
        async (at, flip, length) => {
          const changed = Uint8Array.from(sealed, (byte, index) => (index === at ? byte ^ flip : byte))
          // The top bit of an X25519 coordinate is ignored when it is read (RFC 7748, section 5), but not
          // where it is bound (RFC 9180, section 4.1).
          await expect(open([privateKey], changed, 'test')).rejects.toSatisfy(code('not-sealed-for-us'))
          await expect(open([privateKey], sealed.subarray(0, length), 'test')).rejects.toSatisfy(
            code('not-sealed-for-us'),
          )
        },
      ),
      { numRuns: 100 },
    )
    await expect(open([privateKey], Buffer.concat([sealed, Buffer.from([0])]), 'test')).rejects.toSatisfy(
      code('not-sealed-for-us'),
    )
  })

  it('says what key a private key is for, and refuses keys that are none', async () => {
    const { publicKey, privateKey } = await generateKeyPair()
    expect(await publicKeyOf(privateKey)).toEqual(publicKey)
    await expect(seal([new Uint8Array(31)], Buffer.from('x'), 'test')).rejects.toSatisfy(code('bad-key'))
    // The point of order one: what is agreed with it is known to all.
    await expect(seal([new Uint8Array(32)], Buffer.from('x'), 'test')).rejects.toSatisfy(code('bad-key'))
  })
})

describe('an app’s keys', () => {
  const all = [randomBytes(32), randomBytes(32), randomBytes(32)]

  it('are the same from the same secrets, and others for another app', async () => {
    const [one, again, other] = await Promise.all([keysOf(all, APP), keysOf(all, APP), keysOf(all, OTHER)])
    expect(one).toEqual(again)
    for (const part of PARTS) expect(one.publicKeys[part]).not.toEqual(other.publicKeys[part])
  })

  it('any two seats hold all three parts, one holds two', () => {
    for (const seat of PARTS) expect(partsOf(seat)).toHaveLength(2)
    for (const [a, b] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const)
      expect(new Set([...partsOf(a), ...partsOf(b)]).size).toBe(3)
  })

  it('a name of a part gives nothing of it away that an app’s key would', async () => {
    const check = checkOf(all[0] as Uint8Array)
    expect(check).not.toContain(Buffer.from((await keysOf(all, APP)).privateKeys[0]).toString('hex'))
  })

  it('what is sealed to an app opens with two seats’ parts and not with one’s', async () => {
    const { publicKeys, privateKeys } = await keysOf(all, APP)
    const envelope = await sealSecrets(APP, [...publicKeys], {
      TOKEN: Buffer.from('s3cret'),
      'key.pem': Buffer.from([0, 255, 1]),
    })
    const opened = await openEnvelope(envelope, [...privateKeys])
    expect(Buffer.from(opened['TOKEN'] ?? []).toString()).toBe('s3cret')
    expect([...(opened['key.pem'] ?? [])]).toEqual([0, 255, 1])
    for (const seat of PARTS) {
      const known = new Map(
        await Promise.all(
          secretsOf(partsOf(seat), all).map(
            async ([part, secret]) => [part, (await appKeyPair(secret, APP)).privateKey] as const,
          ),
        ),
      )
      const guess = (part: Part) => known.get(part) ?? new Uint8Array(randomBytes(32))
      await expect(openEnvelope(envelope, [guess(0), guess(1), guess(2)])).rejects.toSatisfy(
        code('not-sealed-for-us'),
      )
    }
  })

  it('an envelope is held to its app and to the names it states', async () => {
    const { publicKeys, privateKeys } = await keysOf(all, APP)
    const envelope = await sealSecrets(APP, [...publicKeys], { TOKEN: Buffer.from('s3cret') })
    const changed: Envelope[] = [
      { ...envelope, app: OTHER },
      { ...envelope, names: ['OTHER'] },
      { ...envelope, names: [...envelope.names, 'MORE'] },
    ]
    for (const one of changed)
      await expect(openEnvelope(one, [...privateKeys])).rejects.toSatisfy(code('not-sealed-for-us'))
  })

  it('refuses names and sizes that no worker would take', async () => {
    const { publicKeys } = await keysOf(all, APP)
    for (const name of ['', '1A', 'A B', '__proto__', '../x', 'A'.repeat(129)])
      await expect(
        sealSecrets(APP, [...publicKeys], Object.fromEntries([[name, Buffer.from('x')]])),
      ).rejects.toSatisfy(code('bad-secrets'))
    await expect(sealSecrets(APP, [...publicKeys], { BIG: new Uint8Array(600 * 1024) })).rejects.toSatisfy(
      code('bad-secrets'),
    )
  })

  it('reads hostile envelopes without falling over', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => readEnvelope(value)).toThrow(CloisterError)
      }),
    )
  })
})

describe('what stays beside new secrets', async () => {
  const all = [randomBytes(32), randomBytes(32), randomBytes(32)]
  const { publicKeys, privateKeys } = await keysOf(all, APP)
  const [writer, other] = [privateKeyToAccount(OTHER), privateKeyToAccount(APP)]
  const sealedBy = (account: typeof writer | undefined, secrets: Record<string, string>, app = APP) =>
    sealSecrets(
      app,
      publicKeys,
      Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, Buffer.from(value)])),
      account?.address,
    )
  const keep = (added: Envelope, before: Envelope, wanted: string[], account = writer) =>
    keepSecrets(added, before, wanted, (typed) => account.signTypedData(typed))
  const texts = async (envelope: Envelope) =>
    Object.fromEntries(
      Object.entries(await openEnvelope(envelope, privateKeys)).map(([name, value]) => [
        name,
        Buffer.from(value).toString(),
      ]),
    )

  it('is what the new ones lack of all before, the newest of each name, and what is wanted alone', async () => {
    const one = await sealedBy(writer, { A: '1', B: '1', C: '1', UNUSED: '1' })
    const two = await keep(await sealedBy(writer, { B: '2' }), one, ['A', 'B', 'C'])
    expect(await texts(two)).toMatchObject({ A: '1', B: '2', C: '1' })
    const three = await keep(await sealedBy(writer, { C: '3' }), two, ['A', 'B', 'C'])
    expect(await texts(readEnvelope(JSON.parse(JSON.stringify(three))))).toMatchObject({
      A: '1',
      B: '2',
      C: '3',
    })
    expect(three.kept?.sealed).toHaveLength(2)
    // What gives nothing any more is let go.
    const four = await keep(await sealedBy(writer, { A: '4', C: '4' }), three, ['A', 'B', 'C'])
    expect(four.kept?.sealed.map(({ names }) => names)).toEqual([['B']])
    expect((await keep(await sealedBy(writer, { A: '5', B: '5' }), four, ['A', 'B'])).kept).toBeUndefined()
  })

  it('opens by the word of whoever sealed it alone, for what that is about', async () => {
    const before = await sealedBy(writer, { KEY: 'precious' })
    const evil = await sealedBy(other, { ADDRESS: 'evil.example' })
    const refused = (envelope: Envelope) =>
      expect(openEnvelope(envelope, privateKeys)).rejects.toSatisfy(code('not-sealed-for-us'))
    const allowed = await keep(evil, before, ['KEY', 'ADDRESS'])
    expect(await texts(allowed)).toEqual({ KEY: 'precious', ADDRESS: 'evil.example' })
    // By another account, which may say that it is the writer's.
    const byOther = await keep(evil, before, ['KEY', 'ADDRESS'], other)
    await refused(byOther)
    const renamed = { ...before, writer: other.address }
    await refused(await keep(evil, renamed, ['KEY', 'ADDRESS'], other))
    const { writer: _, ...nobodys } = before
    await refused(await keep(evil, nobodys, ['KEY', 'ADDRESS'], other))
    // The word that was given for something else.
    await refused({ ...(await sealedBy(other, { ADDRESS: 'evil.example' })), kept: allowed.kept })
    await refused({ ...byOther, kept: { sealed: [before], signature: '0x' } })
    const two = await keep(await sealedBy(writer, { B: '2' }), before, ['KEY', 'B'])
    const older = await sealedBy(writer, { KEY: 'old' })
    await refused({ ...two, kept: { sealed: [older], signature: two.kept?.signature ?? '0x' } })
    // What was sealed to no writer never opens beside anything.
    await refused(await keep(evil, await sealedBy(undefined, { KEY: 'a' }), ['KEY', 'ADDRESS']))
  })

  it('is of eight times before at most', async () => {
    let envelope = await sealedBy(writer, { A: '0' })
    const wanted = ['A']
    for (let time = 1; time <= 8; time++) {
      wanted.push(`A${time}`)
      envelope = await keep(await sealedBy(writer, { [`A${time}`]: '' }), envelope, wanted)
    }
    expect(Object.keys(await texts(envelope)).sort()).toEqual([...wanted].sort())
    await expect(keep(await sealedBy(writer, { LAST: '' }), envelope, [...wanted])).rejects.toSatisfy(
      code('bad-secrets'),
    )
  })
})

describe('what somebody changed on its way', async () => {
  const all = [randomBytes(32), randomBytes(32), randomBytes(32)]
  const { publicKeys, privateKeys } = await keysOf(all, APP)
  const envelope = await sealSecrets(APP, [...publicKeys], { A: Buffer.from('one'), B: Buffer.from('two') })
  const refused = (changed: Envelope, keys: readonly Uint8Array[] = privateKeys) =>
    expect(
      openEnvelope(changed, keys as unknown as readonly [Uint8Array, Uint8Array, Uint8Array]),
    ).rejects.toSatisfy(code('not-sealed-for-us'))
  const sealed = (bytes: Uint8Array) => ({ ...envelope, sealed: Buffer.from(bytes).toString('base64') })

  it('an envelope opens as it is, and with no bit of it turned, no end cut off and nothing added', async () => {
    expect(Object.keys(await openEnvelope(envelope, privateKeys))).toEqual(['A', 'B'])
    const bytes = Buffer.from(envelope.sealed, 'base64')
    for (const [index] of bytes.entries())
      for (const bit of [1, 128])
        await refused(sealed(Uint8Array.from(bytes, (byte, at) => (at === index ? byte ^ bit : byte))))
    for (const cut of [1, 16, 32, 48, bytes.length - 1]) {
      await refused(sealed(bytes.subarray(0, -cut)))
      await refused(sealed(bytes.subarray(cut)))
      await refused(sealed(Buffer.concat([bytes, randomBytes(cut)])))
    }
  })

  it('an envelope opens under its own names and app alone, with all its keys in their order', async () => {
    for (const names of [['A'], ['B', 'A'], ['A', 'B', 'C'], ['A B'], []])
      await refused({ ...envelope, names })
    await refused({ ...envelope, app: OTHER })
    await refused(envelope, (await keysOf(all, OTHER)).privateKeys)
    for (const order of [
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ] as const)
      await refused(
        envelope,
        order.map((index) => privateKeys[index]),
      )
    for (const lacking of PARTS) {
      const two: Uint8Array[] = [...privateKeys]
      two[lacking] = (await generateKeyPair()).privateKey
      await refused(envelope, two)
    }
  })
})
