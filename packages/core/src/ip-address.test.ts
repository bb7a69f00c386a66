import { isIP } from 'node:net'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseIp } from './ip-address.ts'

it.each([
  ['0.0.0.0', 4, 0n],
  ['255.255.255.255', 4, 0xffffffffn],
  ['::', 6, 0n],
  ['::1', 6, 1n],
  ['1::', 6, 1n << 112n],
  ['::ffff:1.2.3.4', 6, 0xffff01020304n],
  ['1:2:3:4:5:6:1.2.3.4', 6, 0x00010002000300040005000601020304n],
  ['1:2:3:4:5:6:7::', 6, 0x00010002000300040005000600070000n],
  ['fe80::1%eth0', 6, 0xfe800000000000000000000000000001n],
] as const)('%s is read', (text, version, value) => {
  expect(parseIp(text)).toEqual({ version, value })
})

it('an address is what Node takes for one', () => {
  const group = fc.oneof(
    fc.stringMatching(/^[0-9a-fA-F]{0,5}$/),
    fc.ipV4(),
    fc.constantFrom('', '0', '::', 'g', '01.2.3.4', '1.2.3.256', '%lo', '%'),
  )
  const written = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.string(),
    fc.array(group, { maxLength: 10 }).map((groups) => groups.join(':')),
    fc.tuple(fc.ipV6(), fc.constantFrom('%', '%lo', '%a b', '::', ':', '.1')).map((parts) => parts.join('')),
    fc.tuple(fc.nat(300), fc.nat(300), fc.nat(300), fc.nat(300)).map((parts) => parts.join('.')),
  )
  fc.assert(
    fc.property(written, (text) => {
      expect(parseIp(text)?.version ?? 0, text).toBe(isIP(text))
    }),
    { numRuns: 3_000 },
  )
})
