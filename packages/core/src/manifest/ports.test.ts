import { describe, expect, it } from 'vitest'
import { readManifest, toCanonicalJson } from './canonical.ts'
import { compose, service, web } from './testing.ts'

const ports = (lines: string) =>
  web(lines)?.expose.map(({ port, as, protocol, global }) => `${global ? `${as}:` : ''}${port}/${protocol}`)

describe('ports', () => {
  it.each([
    ['ports: ["127.0.0.1:9000:9000"]', ['9000/tcp']],
    ['ports: ["[::1]:9001:9001"]', ['9001/tcp']],
    ['ports: ["::1:9001:9001"]', ['9001/tcp']],
    ['ports: ["192.168.1.5:9000:80"]', ['80/tcp']],
    ['ports: ["127.0.0.1::80"]', ['80/tcp']],
    ['ports: [{target: 80, published: "9002", host_ip: 127.0.0.1}]', ['80/tcp']],
    ['ports: ["127.0.0.1:53:53/udp"]', ['53/udp']],
    ['ports: ["0.0.0.0:8080:80"]', ['8080:80/http']],
    ['ports: ["[::]:8080:80"]', ['8080:80/http']],
    ['ports: ["8080:80"]', ['8080:80/http']],
    ['ports: [80]', ['80:80/http']],
    ['ports: ["3000-3002"]', ['3000:3000/http', '3001:3001/http', '3002:3002/http']],
    ['ports: ["8001-8002:81-82"]', ['8001:81/http', '8002:82/http']],
    ['ports: ["8000-8010:80"]', ['8000:80/http']],
    ['expose: ["80"]\nports: ["80:80"]', ['80:80/http']],
    ['ports: ["8080:80"]\nexpose: ["80"]', ['8080:80/http']],
    ['expose: ["8125/udp", "3000-3001", 83]', ['8125/udp', '3000/tcp', '3001/tcp', '83/tcp']],
    ['ports: ["443:443"]', ['443:443/tcp']],
    ['ports: ["443:8443"]', ['443:8443/tcp']],
    ['ports: ["443:80"]', ['443:80/http']],
    [
      'ports: ["5432:5432", "6379", "22:22", "1883:1883", "25565:25565"]',
      ['5432:5432/tcp', '6379:6379/tcp', '22:22/tcp', '1883:1883/tcp', '25565:25565/tcp'],
    ],
    ['ports: [{target: 5432, app_protocol: http}]', ['5432:5432/http']],
    ['ports: [{target: 8080, app_protocol: https}]', ['8080:8080/tcp']],
  ])('%j opens %j', (lines, expected) => {
    expect(ports(lines)).toEqual(expected)
  })

  it('that are kept inside, or taken for TCP, are told of by line', () => {
    const { warnings } = service('ports:\n  - "127.0.0.1:9000:9000"\n  - "5432:5432"')
    expect(warnings.map(({ line, message }) => `${line} ${message}`)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^5 not published: 127\.0\.0\.1/),
        expect.stringMatching(/^6 5432 is served as a TCP port.*PostgreSQL.*app_protocol: http/),
      ]),
    )
  })

  it('speak HTTP/2 where the file says gRPC', () => {
    expect(web('ports: [{target: 50051, app_protocol: grpc}]')?.expose).toEqual([
      { port: 50051, as: 50051, protocol: 'http', global: true, http: { version: 'h2' } },
    ])
  })

  it.each([
    '"1-200:1-200"',
    '"80:80/sctp"',
    '"8000-8001:80-82"',
    '"a:80:80:80"',
    '"80\\n:80"',
    '"0"',
    '"70000"',
  ])('%s is refused by line', (port) => {
    expect(() => service(`ports: [${port}]`)).toThrow(/compose\.yaml:4 services\.web\.ports\[0\]/)
  })
})

describe('the front door', () => {
  const text =
    'services:\n  web: { image: a, ports: ["80:80"] }\n  adminer: { image: b, ports: ["8080:8080"] }\n  db: { image: c, ports: ["5432:5432"] }\n'

  it('is the first service that the file publishes, in its own order', () => {
    expect(compose(text).manifest.front).toEqual({ service: 'web', port: 80 })
  })

  it('is what the file names', () => {
    expect(compose(`x-front: adminer\n${text}`).manifest.front).toEqual({ service: 'adminer', port: 8080 })
    expect(() => compose(`x-front: db\n${text}`)).toThrow(/compose\.yaml:1 x-front: db is no HTTP port/)
  })

  it('has to be an HTTP port that is open to the outside', () => {
    const { manifest } = compose(text)
    expect(() =>
      readManifest(toCanonicalJson({ ...manifest, front: { service: 'db', port: 5432 } })),
    ).toThrow(/front/)
  })
})
