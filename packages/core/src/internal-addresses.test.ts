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
    'name',
  ])('%s is inside a network', (ip) => expect(isInternalAddress(ip)).toBe(true))
  it.each(['1.1.1.1', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])('%s is not', (ip) => expect(isInternalAddress(ip)).toBe(false))
})
