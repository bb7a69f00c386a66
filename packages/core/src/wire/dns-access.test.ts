import { describe, expect, it } from 'vitest'
import { DnsAccess, readDnsKey } from './dns-access.ts'

const SECRET = Buffer.from('a secret of thirty-two bytes, yes').toString('base64')
const KEY = { name: 'acme.example.org', algorithm: 'hmac-sha256', secret: SECRET }

describe('a key for updates of DNS', () => {
  it.each([
    ['BIND', `key "Acme.Example.org." {\n\talgorithm hmac-sha256;\n\tsecret "${SECRET}";\n};\n`],
    [
      'Knot',
      `# hmac-sha256:acme.example.org:${SECRET}\nkey:\n  - id: acme.example.org.\n    secret: ${SECRET}\n`,
    ],
    ['nsupdate', `HMAC-SHA256:acme.example.org:${SECRET}`],
  ])('is read as %s writes it', (_, text) => expect(readDnsKey(text)).toEqual(KEY))

  it.each([
    ['', 'There is no key'],
    ['key acme { algorithm hmac-md5; secret "c2VjcmV0IG9mIDE2IGJ5dGVzLCB5"; };', 'The algorithm of the key'],
    ['key acme { algorithm hmac-sha512; secret "c2hvcnQ="; };', 'The secret of the key'],
    [`hmac-sha256:a..b:${SECRET}`, 'The name of the key'],
  ])('is none in %j', (text, message) => expect(() => readDnsKey(text)).toThrow(message))
})

describe('access to DNS', () => {
  const isTaken = (server: string) => DnsAccess.safeParse({ server, key: KEY }).success
  it.each(['ns1.example.org', 'ns1.example.org:5353', '192.0.2.53', '[2001:db8::53]', '[::1]:5353'])(
    'is at %s',
    (server) => expect(isTaken(server)).toBe(true),
  )
  it.each(['', 'ns1:0', 'ns1:65536', '2001:db8::53', '[zz::1]', 'user@ns1', 'ns1/x', 'ns1 ', '[::1]:'])(
    'is not at %j',
    (server) => expect(isTaken(server)).toBe(false),
  )
})
