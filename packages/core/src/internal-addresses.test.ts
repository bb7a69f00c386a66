import { describe, expect, it } from 'vitest'
import { isInternalAddress } from './internal-addresses.ts'

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
  it.each(['1.1.1.1', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '2001:4860:4860::8888', '2a00:1450::1'])('%s is not', (ip) =>
    expect(isInternalAddress(ip)).toBe(false),
  )
})
