import { describe, expect, it } from 'vitest'
import { claimNameOf, isClaimedFor, readDomainClaims, writeDomainClaim } from './domain-claim.ts'
import { domainFor, domainsOf, isDomain, isOfDomain } from './domains.ts'
import { parseManifest } from './parse.ts'

const parse = (service: string) =>
  parseManifest(`services:\n  web: { image: a, ${service} }`, { file: 'compose.yaml' })
const domains = (service: string) => domainsOf(parse(service).manifest)
const LEASE = `0x${'ab'.repeat(32)}` as const
const TENANT = `0x${'cd'.repeat(20)}` as const

describe('a domain', () => {
  it.each(['app.example.org', '*.example.org', 'xn--bcher-kva.example', 'a.b-c.d.io'])('can be %s', (name) =>
    expect(isDomain(name)).toBe(true),
  )
  it.each([
    'localhost',
    'app.localhost',
    'example',
    'a..b.org',
    '-a.org',
    'a-.org',
    '127.0.0.1',
    'bücher.example',
    '*.*.example.org',
    'a.*.org',
    'app.example.org:80',
    'app.internal',
    'printer.local',
    '',
    `${'a'.repeat(64)}.org`,
  ])('can’t be %j', (name) => expect(isDomain(name)).toBe(false))

  it('is of a wildcard one label below it, and not deeper', () => {
    expect(isOfDomain('a.example.org', '*.example.org')).toBe(true)
    expect(isOfDomain('a.b.example.org', '*.example.org')).toBe(false)
    expect(isOfDomain('example.org', '*.example.org')).toBe(false)
    const both = [{ domain: '*.example.org' }, { domain: 'a.example.org' }]
    expect(domainFor('a.example.org', both)).toBe(both[1])
    expect(domainFor('b.example.org', both)).toBe(both[0])
  })
})

describe('x-domains', () => {
  it('leads to the HTTP port, else to the TCP port that is published', () => {
    expect(domains('ports: ["80", "5432"], x-domains: [App.Example.org.]')).toEqual([
      { domain: 'app.example.org', service: 'web', port: 80, protocol: 'http' },
    ])
    expect(domains('ports: ["8443"], x-domains: ["*.example.org"]')).toEqual([
      { domain: '*.example.org', service: 'web', port: 8443, protocol: 'tcp' },
    ])
    expect(domains('ports: ["80"], x-domains: ["*.example.org", example.org]')).toMatchObject([
      { domain: '*.example.org', protocol: 'http' },
      { domain: 'example.org', protocol: 'http' },
    ])
  })

  it('says which port where there are several', () => {
    expect(
      domains('ports: ["80", "8080"], x-domains: ["a.example.org:8080", "b.example.org:80"]'),
    ).toMatchObject([
      { domain: 'a.example.org', port: 8080 },
      { domain: 'b.example.org', port: 80 },
    ])
    expect(() => parse('ports: ["80", "8080"], x-domains: [a.example.org]')).toThrow(
      /several ports \(80, 8080\)/,
    )
  })

  it('asks for a worker that serves domains', () => {
    expect(parse('ports: ["80"], x-domains: [a.example.org]').manifest.attributes).toEqual({ domains: 'yes' })
    expect(parse('ports: ["80"]').manifest.attributes).toEqual({})
  })

  it.each([
    ['x-domains: [a.example.org]', 'publishes no HTTP or TCP port'],
    ['ports: ["53:53/udp"], x-domains: [a.example.org]', 'publishes no HTTP or TCP port'],
    ['ports: ["80"], x-domains: ["a.example.org:81"]', 'publishes no port 81'],
    ['ports: ["80"], x-domains: [localhost]', 'found "localhost"'],
    ['ports: ["80"], x-domains: ["*.*.example.org"]', 'found "*.*.example.org"'],
    ['ports: ["80"], x-domains: [a.example.org, a.example.org]', 'is there twice'],
    ['ports: ["80"], x-domains: a.example.org', 'found "a.example.org"'],
  ])('refuses %s', (service, message) => expect(() => parse(service)).toThrow(message))

  it('leads a domain to one service', () => {
    const web = '{ image: a, ports: ["80"], x-domains: [a.example.org] }'
    expect(() => parseManifest(`services: { one: ${web}, two: ${web} }`, { file: 'compose.yaml' })).toThrow(
      /a\.example\.org, which leads somewhere already/,
    )
  })
})

describe('x-proxy-protocol', () => {
  it('is of all TCP ports that a service publishes, or of one', () => {
    const { expose } = parse('ports: ["80", "5432"], x-proxy-protocol: v2').manifest.services['web'] ?? {}
    expect(expose).toEqual([
      { port: 80, as: 80, protocol: 'http', global: true },
      { port: 5432, as: 5432, protocol: 'tcp', global: true, proxy: 'v2' },
    ])
    const one = parse('ports: [{ target: 25, x-proxy-protocol: v1 }, "5432"]').manifest.services['web']
    expect(one?.expose.map(({ proxy }) => proxy)).toEqual(['v1', undefined])
  })

  it.each([
    ['ports: ["80"], x-proxy-protocol: v2', 'publishes no TCP port'],
    ['ports: [{ target: 80, x-proxy-protocol: v2 }]', '80 is HTTP'],
    ['ports: ["5432"], x-proxy-protocol: v3', 'found "v3"'],
  ])('refuses %s', (service, message) => expect(() => parse(service)).toThrow(message))
})

describe('SDL’s accept', () => {
  const sdl = (expose: string) =>
    parseManifest(
      `version: "2.0"
services: { web: { image: a, expose: [{ port: 80, ${expose} }] } }
profiles:
  compute: { web: { resources: { cpu: { units: 1 }, memory: { size: 64Mi }, storage: { size: 64Mi } } } }
  placement: { p: { pricing: { web: { denom: uakt, amount: 1 } } } }
deployment: { web: { p: { profile: web, count: 1 } } }`,
      { file: 'deploy.yaml' },
    )
  it('is domains of the port', () => {
    expect(domainsOf(sdl('to: [{ global: true }], accept: [app.example.org]').manifest)).toEqual([
      { domain: 'app.example.org', service: 'web', port: 80, protocol: 'http' },
    ])
  })
  it.each([
    ['to: [{ global: true }], accept: [localhost]', 'no domain that could'],
    ['to: [{ service: web }], accept: [app.example.org]', 'not open to the outside'],
  ])('is warned of where it can’t be: %s', (expose, message) => {
    const { manifest, warnings } = sdl(expose)
    expect(domainsOf(manifest)).toEqual([])
    expect(warnings.map((warning) => warning.message).join()).toContain(message)
  })
})

describe('a claim', () => {
  it('is of one lease, or of a tenant’s leases of a name', () => {
    for (const claim of [{ lease: LEASE }, { tenant: TENANT, name: 'my-app' }])
      expect(readDomainClaims([writeDomainClaim(claim)])).toEqual([claim])
    expect(claimNameOf('*.example.org')).toBe('_cloister.example.org')
    expect(claimNameOf('app.example.org')).toBe('_cloister.app.example.org')
  })

  it.each([
    'v=spf1 -all',
    'v=cloister2; lease=0x00',
    `v=cloister1; lease=${LEASE}00`,
    'v=cloister1; tenant=0x12; name=a',
    `v=cloister1; tenant=${TENANT}`,
    `v=cloister1; tenant=${TENANT}; name=Not A Name`,
    `v=cloister1; lease=${LEASE}; more=1`,
  ])('is not %j', (text) => expect(readDomainClaims([text])).toEqual([]))

  it('is for the lease or tenant that it names, and for no other', () => {
    const other = { lease: `0x${'00'.repeat(32)}`, tenant: `0x${'00'.repeat(20)}` } as const
    for (const claim of [{ lease: LEASE }, { tenant: TENANT, name: 'my-app' }]) {
      expect(isClaimedFor([claim], { lease: LEASE, tenant: TENANT })).toBe(true)
      expect(isClaimedFor([claim], other)).toBe(false)
    }
    expect(isClaimedFor([{ lease: LEASE }], { ...other, tenant: TENANT })).toBe(false)
  })
})
