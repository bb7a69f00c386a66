import { describe, expect, it } from 'vitest'
import { compose, sdl } from '../manifest/testing.ts'
import { networkAddresses, networkPrefix } from './addresses.ts'
import { networkHosts } from './hosts.ts'

const TENANT = `0x${'Aa'.repeat(20)}` as const
const LEASE = `0x${'1e'.repeat(32)}` as const
const WEB = 'services:\n  web:\n    image: a\n'

describe('a private network', () => {
  it('is named at the top of a Compose or SDL file', () => {
    expect(compose(`x-network: backend\n${WEB}`).manifest.network).toBe('backend')
    expect(compose(WEB).manifest.network).toBeUndefined()
    expect(sdl('', { top: 'x-network: backend' }).manifest.network).toBe('backend')
  })

  it.each(['Backend', 'a.b', '-a', 'a-', '1a', 'a'.repeat(33), '""'])(
    'is not called %s, which is no label of a host name',
    (name) => {
      expect(() => compose(`x-network: ${name}\n${WEB}`)).toThrow(/x-network: found/)
    },
  )

  it('has addresses that everybody reckons alike, whatever the case of the account', () => {
    const one = networkAddresses(TENANT, 'backend', LEASE, 'web-0')
    expect(networkAddresses(TENANT.toLowerCase() as typeof TENANT, 'backend', LEASE, 'web-0')).toEqual(one)
    expect(one.ipv6).toMatch(/^fd[0-9a-f]{2}(:[0-9a-f]{1,4}){7}$/)
    expect(one.ipv4).toMatch(/^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d{1,3}\.\d{1,3}$/)
    const prefix = networkPrefix(TENANT, 'backend')
    expect(one.ipv6.startsWith(prefix.replace('::/48', ':'))).toBe(true)
  })

  it('has others for another tenant, name, lease and place', () => {
    const others = [
      networkAddresses(TENANT, 'backend', LEASE, 'web-0'),
      networkAddresses(TENANT, 'backend', LEASE, 'web-1'),
      networkAddresses(TENANT, 'backend', `0x${'2e'.repeat(32)}`, 'web-0'),
      networkAddresses(TENANT, 'other', LEASE, 'web-0'),
      networkAddresses(`0x${'11'.repeat(20)}`, 'backend', LEASE, 'web-0'),
    ]
    expect(new Set(others.map(({ ipv6 }) => ipv6)).size).toBe(others.length)
    const prefixes = others.map(({ ipv6 }) => ipv6.split(':').slice(0, 3).join(':'))
    expect(new Set(prefixes).size).toBe(3)
  })

  it('has a line of hosts(5) for each address, with the lease’s name and its short id', () => {
    const places = [{ services: ['my_db'], ipv6: 'fd00::1', ipv4: '100.64.0.1' }]
    expect(networkHosts('backend', [{ lease: LEASE, name: 'db', places }])).toEqual(
      ['fd00::1', '100.64.0.1'].map(
        (address) =>
          `${address} my-db.db.backend.internal my-db.db.backend my-db.db db.backend.internal db.backend my-db.1e1e1e1e1e1e1e1e.backend.internal my-db.1e1e1e1e1e1e1e1e.backend my-db.1e1e1e1e1e1e1e1e 1e1e1e1e1e1e1e1e.backend.internal 1e1e1e1e1e1e1e1e.backend`,
      ),
    )
  })
})
