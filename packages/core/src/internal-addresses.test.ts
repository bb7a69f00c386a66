import { BlockList, isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { INTERNAL_NETWORKS, isInternalAddress } from './internal-addresses.ts'

describe('addresses', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '0.0.0.0',
    '::1',
    'fd00::1',
    'fe80::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::',
    '0:0:0:0:0:0:0:1',
    'fe80::1%lo',
    'fec0::1',
    'ff02::1',
    '192.0.2.1',
    '198.51.100.9',
    '203.0.113.9',
    '192.88.99.1',
    '224.0.0.1',
    '255.255.255.255',
    '::ffff:7f00:1',
    '::127.0.0.1',
    '::ffff:0:127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::a00:1',
    '2002:7f00:1::',
    '2002:c0a8:101::1',
    '2001:0:4136:e378:8000:63bf:80ff:fffe',
    '2001:db8::1',
    '100::1',
    'name',
  ])('%s is inside a network', (ip) => expect(isInternalAddress(ip)).toBe(true))
  it.each([
    '1.1.1.1',
    '172.32.0.1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
    '2001:4860:4860::8888',
    '2a00:1450::1',
  ])('%s is not', (ip) => expect(isInternalAddress(ip)).toBe(false))
})

it('an address is internal where Node finds it in one of the networks', () => {
  const networks = new BlockList()
  for (const [family, nets] of Object.entries(INTERNAL_NETWORKS))
    for (const net of nets) {
      const [address = '', bits] = net.split('/')
      networks.addSubnet(address, Number(bits), family as 'ipv4' | 'ipv6')
    }
  const near = fc
    .tuple(
      fc.constantFrom(...INTERNAL_NETWORKS.ipv6),
      fc.array(fc.nat(0xffff), { minLength: 1, maxLength: 3 }),
    )
    .map(([net, groups]) => `${net.replace(/(::)?\/.*/, '')}::${groups.map((n) => n.toString(16)).join(':')}`)
  const address = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    near,
    fc.ipV4().map((ip) => `::ffff:${ip}`),
  )
  fc.assert(
    fc.property(address, (ip) => {
      const version = isIP(ip)
      fc.pre(version !== 0)
      expect(isInternalAddress(ip), ip).toBe(networks.check(ip, version === 4 ? 'ipv4' : 'ipv6'))
    }),
    { numRuns: 3_000 },
  )
})
