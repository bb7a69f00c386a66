import type { Network } from '@cloister/chain'
import type { Address, Hex } from 'viem'
import { expect, it } from 'vitest'
import { domainRecords } from './domains.ts'

const LEASE: Hex = `0x${'1e'.repeat(32)}`
const TENANT: Address = `0x${'aa'.repeat(20)}`

/** Where a domain has to lead, by its record, with a gateway at a URL. */
const leadsTo = (gatewayUrl: string, wishedName: string | undefined) => {
  const network = { gatewayUrl } as Network
  const records = domainRecords({ network }, { lease: LEASE, tenant: TENANT, wishedName }, ['a.example.org'])
  return records.find(({ type }) => type === 'CNAME')?.value
}

it('lead a domain to the name of its lease at the gateway', () => {
  expect(leadsTo('https://cloister.example', 'shop')).toBe('shop.cloister.example')
  expect(leadsTo('https://cloister.example:8443', undefined)).toBe('1e1e1e1e1e1e1e1e.cloister.example')
})

it('name a host where the gateway of a development network is at an address', () => {
  expect(leadsTo('http://127.0.0.1:18080', 'shop')).toBe('shop.localhost')
})
