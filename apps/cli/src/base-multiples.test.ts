import { secp256k1 } from '@noble/curves/secp256k1'
import { privateKeyToAccount } from 'viem/accounts'
import { expect, it } from 'vitest'
import { findBaseMultiplesInNode } from './base-multiples.ts'

const { BASE, ZERO } = secp256k1.ProjectivePoint
const { n: ORDER } = secp256k1.CURVE
const SCALARS = [1n, 2n, 3n, 0xffn, 2n ** 128n, 0xabcdef0123456789n ** 3n, ORDER - 2n, ORDER - 1n]

it('finds the same multiples, signs the same, and refuses the same', async () => {
  const account = privateKeyToAccount(`0x${'0b'.repeat(32)}`)
  const before = SCALARS.map((scalar) => BASE.multiply(scalar).toHex())
  const twice = BASE.double().multiply(5n).toHex()
  const signature = await account.signMessage({ message: 'hello' })
  findBaseMultiplesInNode()
  expect(SCALARS.map((scalar) => BASE.multiply(scalar).toHex())).toEqual(before)
  expect(BASE.double().multiply(5n).toHex()).toBe(twice)
  expect(privateKeyToAccount(`0x${'0b'.repeat(32)}`).address).toBe(account.address)
  expect(await account.signMessage({ message: 'hello' })).toBe(signature)
  for (const scalar of [0n, -1n, ORDER, ORDER + 1n, 2n ** 256n]) expect(() => BASE.multiply(scalar)).toThrow()
  expect(
    BASE.multiply(ORDER - 1n)
      .add(BASE)
      .equals(ZERO),
  ).toBe(true)
})
