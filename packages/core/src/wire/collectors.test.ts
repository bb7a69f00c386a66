import { describe, expect, it } from 'vitest'
import { Collector, collectorPlace, readCollector } from './collectors.ts'

describe('a collector’s address', () => {
  it.each([
    ['otlp://c.example', 'otlp', 'https://c.example/'],
    ['otlp+https://c.example:4318/base?key=1', 'otlp', 'https://c.example:4318/base?key=1'],
    ['otlp+http://127.0.0.1:4318', 'otlp', 'http://127.0.0.1:4318/'],
    ['loki+https://logs.example', 'loki', 'https://logs.example/'],
    ['loki+http://[::1]:3100', 'loki', 'http://[::1]:3100/'],
    ['syslog://logs.example', 'syslog', 'https://logs.example:6514/'],
    ['syslog+tls://logs.example:443', 'syslog', 'https://logs.example/'],
    ['syslog+tcp://logs.example', 'syslog', 'http://logs.example:601/'],
    ['syslog+tcp://logs.example:514', 'syslog', 'http://logs.example:514/'],
    ['syslog+tcp://logs.example:80', 'syslog', 'http://logs.example/'],
  ])('%s is read', (text, kind, url) => {
    const place = collectorPlace(text)
    expect([place?.kind, place?.url.href]).toEqual([kind, url])
  })

  it.each([
    'https://c.example',
    'otlp+tcp://c.example',
    'syslog+https://c.example',
    'syslog+tls://c.example/path',
    'loki://user:word@c.example',
    'otlp://',
    'otlp://c.example#x',
    'file:///etc/passwd',
    'otlp+https+http://c.example',
    ' otlp://c.example',
  ])('%s is none', (text) => expect(collectorPlace(text)).toBeUndefined())
})

describe('a collector as a person names it', () => {
  it('has its login in a header, and not in its address', () => {
    expect(readCollector('loki+https://me:a%3Ab@c.example/x', ['X-Scope-OrgID: shop'])).toEqual({
      url: 'loki+https://c.example/x',
      headers: { authorization: `Basic ${btoa('me:a:b')}`, 'X-Scope-OrgID': 'shop' },
    })
  })

  it.each([
    [['https://c.example'], /^"https:\/\/c\.example" is not otlp:/],
    [['otlp://c.example', ['no header']], /written as Name: value/],
    [['otlp://c.example', ['Host: other']], /none that a request says of itself/],
    [['otlp://c.example', ['A: b\nC: d']], /not the value of a header/],
    [['syslog+tls://me:word@c.example'], /Syslog has no headers, and no login/],
  ] as const)('%j is refused', ([url, headers], message) => {
    expect(() => readCollector(url, headers ?? [])).toThrow(message)
  })

  it('shows no secret of an address that is wrong', () => {
    expect(() => readCollector('otlp+https://c.example:x/?key=hunter2')).toThrow(
      expect.not.stringContaining('hunter2'),
    )
  })
})

it('a collector is bounded', () => {
  const headers = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`h${index}`, 'v']))
  for (const wrong of [{ headers }, { ca: 'x'.repeat(70_000) }, { services: [] }, { more: 1 }])
    expect(Collector.safeParse({ url: 'otlp://c.example', ...wrong }).success).toBe(false)
  expect(Collector.safeParse({ url: `otlp://c.example/${'x'.repeat(3_000)}` }).success).toBe(false)
})
