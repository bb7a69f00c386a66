import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cloister, leases } from '@cloister/sdk'
import { placesOf, servedKey } from '@cloister/sdk/node'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { ACCOUNT, fakeCloister, folderWith, LEASE, typed, typedJson } from '../../testing.ts'
import { addLeases } from './commands.ts'

const OURS = `0x${'aa'.repeat(32)}` as const
const OTHER = `0x${'bb'.repeat(32)}` as const
const certificate = {
  keyHash: OURS,
  fingerprint: OURS,
  issuer: 'CN=R11',
  isSelfSigned: false,
  notBefore: 0,
  notAfter: Date.UTC(2030, 0, 2),
}
const served = {
  domain: 'app.example.org',
  service: 'web',
  port: 80,
  protocol: 'http' as const,
  claim: 'found' as const,
  certificate,
}
const missing = {
  domain: 'new.example.org',
  service: 'web',
  port: 80,
  protocol: 'http' as const,
  claim: 'missing' as const,
  failure: { time: 0, message: 'The certificate authority says dns: no\x1b[2J.' },
  nextTry: Date.UTC(2030, 0, 3),
}
const records = leases.domainRecords(
  { network: { gatewayUrl: 'https://gateway.example' } } as unknown as Cloister,
  { lease: LEASE, tenant: ACCOUNT, wishedName: 'shop' },
  ['app.example.org', 'new.example.org'],
  { account: 'https://ca.example/acct/1', authority: 'ca.example' },
)

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(leases.domains).mockResolvedValue({
    lease: LEASE,
    domains: [served, missing],
    hasDnsAccess: false,
    instant: 1,
    signature: '0x',
    records,
  })
  vi.mocked(placesOf).mockResolvedValue([{ host: '192.0.2.7', port: 443 }])
  vi.mocked(servedKey).mockResolvedValue({ keyHash: OURS, isTrusted: true })
})

describe('domains', () => {
  it('shows records, certificates, what went wrong and whose key is there', async () => {
    const { out, err, exitCode } = await typed(addLeases, 'domains', 'shop')
    expect(out).toMatch(/app\.example\.org +web:80 +found +until 2030-01-02 00:00 UTC +the worker’s/)
    expect(out).toMatch(/new\.example\.org +web:80 +no record +none yet/)
    expect(out).toContain(`v=cloister1; tenant=${ACCOUNT.toLowerCase()}; name=shop`)
    expect(out).toMatch(/CNAME +new\.example\.org +shop\.gateway\.example/)
    expect(out).toContain('0 issue "ca.example; accounturi=https://ca.example/acct/1"')
    expect(out).not.toContain('_cloister.app.example.org')
    expect(err).toContain('new.example.org: The certificate authority says dns: no[2J.')
    expect(exitCode).toBe(0)
  })

  it('fails where somebody else answers', async () => {
    vi.mocked(servedKey).mockResolvedValue({ keyHash: OTHER, isTrusted: true })
    const { err, exitCode } = await typed(addLeases, 'domains', 'shop')
    expect(err).toContain('Somebody else answers at a domain')
    expect(exitCode).toBe(1)
  })

  it('looks at each address, since a client may come to any of them', async () => {
    vi.mocked(placesOf).mockResolvedValue(['192.0.2.7', '2001:db8::7'].map((host) => ({ host, port: 443 })))
    vi.mocked(servedKey).mockImplementation(async (_, at) => {
      if (at?.host === '2001:db8::7') throw new Error('nobody')
      return { keyHash: OURS, isTrusted: true }
    })
    const silent = await typed(addLeases, 'domains', 'shop')
    expect(silent.err).toContain('nobody answers from here: 2001:db8::7')
    expect(silent.exitCode).toBe(0)
    vi.mocked(servedKey).mockImplementation(async (_, at) => ({
      keyHash: at?.host === '2001:db8::7' ? OTHER : OURS,
      isTrusted: true,
    }))
    expect((await typed(addLeases, 'domains', 'shop')).exitCode).toBe(1)
  })

  it('gives the worker access to DNS, and takes it back', async () => {
    const putDnsAccess = vi.fn()
    vi.mocked(leases.openSession).mockResolvedValue({ asTenant: { putDnsAccess } } as never)
    vi.mocked(leases.findLease).mockResolvedValue({ lease: LEASE } as never)
    const secret = Buffer.from('a secret of 23 bytes...').toString('base64')
    const file = join(folderWith(), 'acme.key')
    writeFileSync(file, `hmac-sha256:acme:${secret}\n`)
    const key = { name: 'acme', algorithm: 'hmac-sha256', secret }
    await typed(addLeases, 'domains', 'shop', '--dns', 'ns1.example.org', '--dns-key', file)
    expect(putDnsAccess).toHaveBeenLastCalledWith(LEASE, { server: 'ns1.example.org', key })
    await typed(addLeases, 'domains', 'shop', '--dns-off')
    expect(putDnsAccess).toHaveBeenLastCalledWith(LEASE, null)
    expect((await typed(addLeases, 'domains', 'shop', '--dns', 'ns1.example.org')).err).toContain(
      'Say --dns and --dns-key',
    )
    expect((await typed(addLeases, 'domains', 'shop', '--dns', '::1', '--dns-key', file)).err).toContain(
      '::1 is not a name server',
    )
  })

  it('connects where it is told to, and nowhere if it is told so', async () => {
    await typed(addLeases, 'domains', 'shop', '--connect', '[::1]:8443')
    expect(servedKey).toHaveBeenCalledWith('app.example.org', { host: '::1', port: 8443 })
    vi.mocked(servedKey).mockClear()
    const { json } = await typedJson(addLeases, 'domains', 'shop', '--no-check')
    expect(servedKey).not.toHaveBeenCalled()
    expect(json.domains[0]).not.toHaveProperty('served')
    expect((await typed(addLeases, 'domains', 'shop', '--connect', 'here')).err).toContain(
      'here is no address.',
    )
  })

  it('gives programs all of it', async () => {
    const { json } = await typedJson(addLeases, 'domains', 'shop')
    expect(json).toMatchObject({
      lease: LEASE,
      domains: [
        { domain: 'app.example.org', served: { state: 'attested', isTrusted: true } },
        { claim: 'missing' },
      ],
    })
  })
})
