import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CloisterError } from '../errors.ts'
import { checkNotice, checkSupported, orderFor } from '../market/order.ts'
import { defaultPolicy } from '../policy.ts'
import type { Beside } from './beside.ts'
import { readManifest, toCanonicalJson } from './canonical.ts'
import { gpuMismatch, impossibleGpus } from './gpu.ts'
import { parseManifest } from './parse.ts'
import { CONTAINER_PATH, HOSTNAME_PATTERN, IMAGE_PATTERN, NAME_PATTERN, USER_PATTERN } from './patterns.ts'
import { ManifestError } from './source.ts'

const compose = (text: string, files: Record<string, string | Beside> = {}, env: Record<string, string> = {}) =>
  parseManifest(text, {
    file: 'compose.yaml',
    env,
    look: (path) => {
      const found = Object.hasOwn(files, path) ? files[path] : undefined
      return typeof found === 'string' ? { kind: 'file', content: Buffer.from(found), mode: 0o644 } : found
    },
  })
const service = (lines: string, rest = '', files: Record<string, string | Beside> = {}) =>
  compose(`services:\n  web:\n    image: a\n${lines.replace(/^/gm, '    ')}\n${rest}`, files)
const web = (lines: string, rest = '', files: Record<string, string | Beside> = {}) => service(lines, rest, files).manifest.services['web']
const ports = (lines: string) => web(lines)?.expose.map(({ port, as, protocol, global }) => `${global ? `${as}:` : ''}${port}/${protocol}`)

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
    ['ports: ["5432:5432", "6379", "22:22", "1883:1883", "25565:25565"]', ['5432:5432/tcp', '6379:6379/tcp', '22:22/tcp', '1883:1883/tcp', '25565:25565/tcp']],
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

  it.each(['"1-200:1-200"', '"80:80/sctp"', '"8000-8001:80-82"', '"a:80:80:80"', '"80\\n:80"', '"0"', '"70000"'])('%s is refused by line', (port) => {
    expect(() => service(`ports: [${port}]`)).toThrow(/compose\.yaml:4 services\.web\.ports\[0\]/)
  })
})

describe('the front door', () => {
  const text = 'services:\n  web: { image: a, ports: ["80:80"] }\n  adminer: { image: b, ports: ["8080:8080"] }\n  db: { image: c, ports: ["5432:5432"] }\n'

  it('is the first service that the file publishes, in its own order', () => {
    expect(compose(text).manifest.front).toEqual({ service: 'web', port: 80 })
  })

  it('is what the file names', () => {
    expect(compose(`x-front: adminer\n${text}`).manifest.front).toEqual({ service: 'adminer', port: 8080 })
    expect(() => compose(`x-front: db\n${text}`)).toThrow(/compose\.yaml:1 x-front: db is no HTTP port/)
  })

  it('has to be an HTTP port that is open to the outside', () => {
    const { manifest } = compose(text)
    expect(() => readManifest(toCanonicalJson({ ...manifest, front: { service: 'db', port: 5432 } }))).toThrow(/front/)
  })
})

describe('numbers and modes', () => {
  it('reach the container as Docker Compose would hand them on, and a change is told', () => {
    const { manifest, warnings } = service(
      'environment:\n  ID: 1147053346671102335\n  BIG: 18446744073709551615\n  VERSION: 1.10\n  ZIP: 01234\n  SUM: 1_000\n  ON: yes\n  OFF: False\n  WORD: "010"',
    )
    expect(manifest.services['web']?.env).toEqual({
      ID: '1147053346671102335',
      BIG: '18446744073709551615',
      VERSION: '1.1',
      ZIP: '668',
      SUM: '1000',
      ON: 'yes',
      OFF: 'false',
      WORD: '010',
    })
    expect(warnings.map(({ line }) => line)).toEqual(expect.arrayContaining([7, 8, 9, 11]))
    expect(warnings.find(({ line }) => line === 8)?.message).toContain('reads 01234 as 668')
  })

  it('stay as they are written in lists, commands and SDL', () => {
    expect(web('environment: [A=010]\ncommand: [sleep, 010, 1147053346671102335]')).toMatchObject({
      env: { A: '010' },
      command: ['sleep', '010', '1147053346671102335'],
    })
    expect(sdl('args: [010, 1_000, True, 1.10]').manifest.services['web']?.command).toEqual(['010', '1_000', 'True', '1.10'])
  })

  it.each([
    ['0440', 0o440],
    ['"0440"', 0o440],
    ['"440"', 0o440],
    ['0o440', 0o440],
    ['0400', 0o400],
    ['0600', 0o600],
    ['0644', 0o644],
    ['0755', 0o755],
    ['0777', 0o777],
    ['288', 0o440],
  ])('a mode of %s is %o', (mode, expected) => {
    expect(web(`configs: [{source: c, target: /c, mode: ${mode}}]`, 'configs: {c: {content: x}}')?.files[0]?.mode).toBe(expected)
  })

  it.each(['01777', '"999"', '"0888"', '1.5', '-1', '"0440\\n"'])('a mode of %s is refused by line', (mode) => {
    expect(() => web(`configs: [{source: c, target: /c, mode: ${mode}}]`, 'configs: {c: {content: x}}')).toThrow(
      /compose\.yaml:4 services\.web\.configs\[0\]\.mode/,
    )
  })

  it.each([
    ['cpus: ".5"', { resources: { cpuMilli: 500 } }],
    ['cpus: 0', { resources: { cpuMilli: 500 } }],
    ['mem_limit: 1GiB', { resources: { memoryMiB: 1024 } }],
    ['pids_limit: -1', { maxProcesses: 1024 }],
    ['user: ""', {}],
    ['cap_add: []', {}],
    ['ipc: private', {}],
    ['hostname: my_host', { hostname: 'my_host', aliases: ['my_host'] }],
    ['scale: 3', { count: 3 }],
  ])('%s is valid', (line, expected) => {
    expect(web(line)).toMatchObject(expected)
  })

  it('a service of no replicas is left out', () => {
    const { manifest, warnings } = compose('services: { web: { image: a }, off: { image: b, deploy: { replicas: 0 } } }')
    expect(Object.keys(manifest.services)).toEqual(['web'])
    expect(warnings.map(({ field }) => field)).toContain('services.off')
  })
})

describe('names', () => {
  it('by which a service is known on Docker are known in the lease', () => {
    const { services } = compose(
      'services:\n  cache: { image: a, container_name: my_cache, hostname: cachehost, networks: { back: { aliases: [redis.internal] } } }\n  web: { image: b, links: ["cache:store"] }\nnetworks: { back: }\n',
    ).manifest
    expect(services['cache']?.aliases?.toSorted()).toEqual(['cachehost', 'my_cache', 'redis.internal', 'store'])
  })

  it('that are another service are refused', () => {
    expect(() => compose('services:\n  web: { image: a, links: ["db:cache"] }\n  db: { image: b }\n  cache: { image: c }\n')).toThrow(
      /:2 services\.web\.links\[0\]: cache is the name of another service/,
    )
    expect(() => compose('services: { web: { image: a, container_name: db }, db: { image: b } }')).toThrow(/name of another service/)
  })

  it('of addresses outside are the file’s own; the host has none', () => {
    const { manifest, warnings } = service('extra_hosts: ["a.example:203.0.113.1", "b.example=2001:db8::1", "host.docker.internal:host-gateway"]')
    expect(manifest.services['web']?.hosts).toEqual({ 'a.example': '203.0.113.1', 'b.example': '2001:db8::1' })
    expect(warnings.some(({ message }) => message.includes('host.docker.internal has no address'))).toBe(true)
  })

  it('of networks that are nowhere are refused', () => {
    expect(() => service('networks: [nope]')).toThrow(/the network nope is not declared/)
  })
})

describe('a way to the internet', () => {
  it('is not there where all services are on internal networks, or where the file says so', () => {
    expect(service('networks: [n]', 'networks: { n: { internal: true } }').manifest.internet).toBe(false)
    expect(service('', 'x-internet: false').manifest.internet).toBe(false)
    expect(service('').manifest.internet).toBeUndefined()
  })

  it('is told of where only some are', () => {
    const { manifest, warnings } = compose('services: { a: { image: a, networks: [n] }, b: { image: b } }\nnetworks: { n: { internal: true } }')
    expect(manifest.internet).toBeUndefined()
    expect(warnings.some(({ field }) => field === 'networks.n.internal')).toBe(true)
  })
})

describe('mounts', () => {
  const files = (paths: Record<string, string>, mode = 0o644): Beside => ({
    kind: 'folder',
    files: Object.entries(paths).map(([path, text]) => ({ path, content: Buffer.from(text), mode })),
  })

  it('of what lies beside the file bring it along, read-only and with its mode', () => {
    const beside = {
      'nginx.conf': 'conf',
      certs: files({ 'a.pem': 'A', 'sub/b.pem': 'B' }),
      'run.sh': { kind: 'file', content: Buffer.from('#!'), mode: 0o755 } as const,
    }
    const found = web('volumes: ["./nginx.conf:/etc/nginx.conf:ro", "./certs:/certs:ro", "./run.sh:/run.sh"]', '', beside)
    expect(found?.files.map(({ path, mode, content }) => [path, mode.toString(8), Buffer.from(content, 'base64').toString()])).toEqual([
      ['/etc/nginx.conf', '644', 'conf'],
      ['/certs/a.pem', '644', 'A'],
      ['/certs/sub/b.pem', '644', 'B'],
      ['/run.sh', '755', '#!'],
    ])
  })

  it('of folders that are not there are volumes, the same for the same folder', () => {
    const { manifest, warnings } = compose('services:\n  a: { image: a, volumes: ["./data:/d", "/srv/x:/x:ro"] }\n  b: { image: b, volumes: ["./data/:/e"] }\n')
    expect(manifest.services['a']?.mounts).toEqual([
      { volume: 'host-data', path: '/d', readOnly: false },
      { volume: 'host-srv-x', path: '/x', readOnly: true },
    ])
    expect(manifest.services['b']?.mounts[0]?.volume).toBe('host-data')
    expect(warnings.filter(({ message }) => message.includes('fresh volume')).map(({ line }) => line)).toEqual([2, 2, 3])
  })

  it.each([
    ['"./app.conf:/c"', /the file \.\/app\.conf is not there/],
    ['"../up.conf:/c"', /the file \.\.\/up\.conf is not there/],
    ['"/var/run/docker.sock:/s"', /host path/],
    ['"/proc:/p"', /host path/],
    ['"/:/host"', /host path/],
    ['"./full:/d"', /has files, and is mounted to be written/],
    ['"v:/a/../etc"', /volumes\[0\]: found "v:/],
    ['"v:/a:exec"', /volumes\[0\]: found "v:/],
  ])('%s are refused by line', (mount, message) => {
    expect(() => web(`volumes: [${mount}]`, 'volumes: {v: }', { full: files({ x: 'x' }) })).toThrow(message)
  })

  it('of the clock are passed over with a word on TZ', () => {
    const { manifest, warnings } = service('volumes: ["/etc/localtime:/etc/localtime:ro"]')
    expect(manifest.services['web']).toMatchObject({ mounts: [], files: [] })
    expect(warnings.some(({ message }) => message.includes('TZ'))).toBe(true)
  })

  it('count in full in their long form', () => {
    expect(
      web(
        'volumes:\n  - { type: volume, source: v, target: /logs, volume: { nocopy: true } }\n  - { type: tmpfs, target: /run/app, tmpfs: { size: 8m, mode: 0700 } }\ntmpfs: ["/t:size=16m,mode=1770,uid=1000,gid=50"]',
        'volumes: {v: }',
      ),
    ).toMatchObject({
      mounts: [{ volume: 'v', path: '/logs', readOnly: false, noCopy: true }],
      tmpfs: [
        { path: '/run/app', sizeMiB: 8, mode: 0o700 },
        { path: '/t', sizeMiB: 16, mode: 0o1770, uid: 1000, gid: 50 },
      ],
    })
  })

  it('of a volume that is declared nowhere are told of', () => {
    expect(service('volumes: ["dta:/d"]').warnings.some(({ message }) => message.includes('declared nowhere'))).toBe(true)
  })
})

describe('env_file', () => {
  it('has quotes over lines and variables; what the file says itself goes before it', () => {
    const env = 'KEY="-----BEGIN-----\nMIIB\n-----END-----"\nREF=${PLAIN}-suffix\nPLAIN=file\nOWN=file\nLITERAL=\'$PLAIN\'\nB\n'
    const { manifest } = compose('services: { web: { image: a, env_file: [a.env], environment: { OWN: own, PLAIN: p } } }', { 'a.env': env }, { B: 'outer' })
    expect(manifest.services['web']?.env).toEqual({
      KEY: '-----BEGIN-----\nMIIB\n-----END-----',
      REF: 'p-suffix',
      PLAIN: 'p',
      OWN: 'own',
      LITERAL: '$PLAIN',
      B: 'outer',
    })
  })

  it('that is no such file is refused with its own line', () => {
    expect(() => web('env_file: [j.env]', '', { 'j.env': '{"A":"1"}' })).toThrow(/^j\.env:1: found/)
    expect(() => web('env_file: [j.env]', '', { 'j.env': 'A=1\nKEY="abc\n' })).toThrow(/^j\.env:2: the quote/)
    expect(web('env_file: [{path: no.env, required: false}]')?.env).toEqual({})
  })
})

describe('files of a project', () => {
  it('extend each other; lists are added, pairs replaced, paths are those of where they stand', () => {
    const files = {
      'base/common.yaml':
        'services:\n  base:\n    image: base\n    env_file: [c.env]\n    command: [old]\n    environment: { A: base, B: base }\n    volumes: ["v:/data"]\n    ports: ["80"]\n    healthcheck: { test: [CMD, a], retries: 9 }\n    depends_on: [db]\n',
      'base/c.env': 'FROM_FILE=1',
    }
    const found = compose(
      'services:\n  web:\n    extends: { file: base/common.yaml, service: base }\n    command: [new]\n    environment: [A=own]\n    volumes: ["w:/data"]\n    ports: ["81"]\n    healthcheck: { test: [CMD, b] }\n    depends_on: { db: { condition: service_healthy } }\n  db: { image: db }\nvolumes: { v: , w: }\n',
      files,
    ).manifest.services['web']
    expect(found).toMatchObject({
      image: 'base',
      command: ['new'],
      env: { A: 'own', B: 'base', FROM_FILE: '1' },
      mounts: [{ volume: 'w', path: '/data' }],
      health: { test: ['CMD', 'b'], retries: 9 },
      dependsOn: [{ service: 'db', condition: 'healthy' }],
    })
    expect(found?.expose.map(({ port }) => port)).toEqual([80, 81])
  })

  it('include others, with their own folder and variables', () => {
    const files = { 'sub/inc.yaml': 'services: { db: { image: "db:${TAG}", env_file: [x.env] } }', 'sub/.env': 'TAG=7', 'sub/x.env': 'X=sub' }
    const { manifest } = compose('include: [sub/inc.yaml]\nservices: { web: { image: a, depends_on: [db] } }', files)
    expect(manifest.services['db']).toMatchObject({ image: 'db:7', env: { X: 'sub' } })
  })

  it.each([
    ['include: [../other.yaml]\nservices: {}', /:1 include\[0\]: \.\.\/other\.yaml lies outside/],
    ['include: ["https://example.com/c.yaml"]\nservices: {}', /files from elsewhere/],
    ['include: [me.yaml]\nservices: { a: { image: a } }', /includes itself/],
    ['services: { a: { image: a, extends: a } }', /it extends itself/],
    ['services: { a: { extends: b }, b: { extends: a } }', /it extends itself/],
    ['services: { a: { extends: { service: x, file: me.yaml } } }', /no service x in me\.yaml/],
    ['include: [dup.yaml]\nservices: { a: { image: a } }', /services\.a is in dup\.yaml as well/],
    ['services: { a: { image: a, ports: !reset [] } }', /the tag !reset/],
  ])('%j is refused by line', (text, message) => {
    const files = { 'me.yaml': 'include: [me.yaml]\nservices: { b: { image: b } }', 'dup.yaml': 'services: { a: { image: b } }' }
    expect(() => compose(text, files)).toThrow(message)
    expect(() => compose(text, files)).toThrow(ManifestError)
  })

  it('a fault in one names that file and its line', () => {
    expect(() => compose('include: [inc.yaml]', { 'inc.yaml': 'services:\n  db:\n    image: a\n    frob: 1\n' })).toThrow(/^inc\.yaml:4 services\.db\.frob/)
  })
})

describe('what starts after what', () => {
  it('goes without what may be missing', () => {
    const { manifest, warnings } = compose(
      'services:\n  web: { image: a, depends_on: { db: { condition: service_started, required: false }, up: { condition: service_healthy, required: false } } }\n  db: { image: b, profiles: [p] }\n  up: { image: c }\n',
    )
    expect(manifest.services['web']?.dependsOn).toEqual([{ service: 'up', condition: 'healthy', optional: true }])
    expect(warnings.some(({ message }) => message.includes('it starts without'))).toBe(true)
  })

  it('a file all of whose services have a profile says which', () => {
    expect(() => compose('services: { a: { image: a, profiles: [x] }, b: { image: b, profiles: [y] } }')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('x, y') }),
    )
  })
})

describe('health', () => {
  it.each([
    ['', undefined],
    ['healthcheck: { disable: false }', undefined],
    ['healthcheck: { interval: 5s }', { intervalMs: 5000 }],
    ['healthcheck: { disable: true }', 'none'],
    ['healthcheck: { test: [NONE] }', 'none'],
    ['healthcheck: { test: curl -f x }', { test: ['CMD-SHELL', 'curl -f x'] }],
  ])('%j leaves the rest to the image', (line, expected) => {
    expect(web(line)?.health).toEqual(expected)
  })
})

describe('rights', () => {
  it.each([
    ['cap_drop: [ALL]\ncap_add: [NET_BIND_SERVICE, CAP_CHOWN]', ['CHOWN', 'NET_BIND_SERVICE']],
    ['cap_drop: [ALL]', []],
    ['cap_drop: [NET_RAW]', undefined],
    ['cap_add: [SETUID]', undefined],
  ])('%j leaves %j', (lines, expected) => {
    expect(web(lines)?.capabilities).toEqual(expected)
  })

  it.each([
    'cap_add: [NET_RAW]',
    'cap_add: [ALL]',
    'sysctls: { net.ipv4.ip_forward: 1 }',
    'sysctls: [kernel.panic=1]',
    'sysctls: { "net.core.somaxconn\\nx": 1 }',
    'sysctls: { kernel.msgmax: "1;2" }',
    'platform: linux/arm64',
    'ulimits: { files: 1 }',
  ])('%s is refused by line', (line) => {
    expect(() => web(line)).toThrow(/compose\.yaml:4 services\.web\./)
  })
})

const sdl = (lines: string, { resources = '', top = '', expose = '' } = {}) =>
  parseManifest(
    `version: "2.1"\n${top}\nservices:\n  web:\n    image: a\n    expose: [${expose || '{ port: 80, as: 80, to: [{ global: true }] }'}]\n    ${lines}\nprofiles:\n  compute:\n    web: { resources: { cpu: { units: 1 }, memory: { size: 64Mi }, storage: { size: 64Mi } ${resources} } }\n  placement: { p: { attributes: { host: akash, capabilities/storage/1/class: beta3 }, pricing: { web: { denom: uakt, amount: 1 } } } }\ndeployment: { web: { p: { profile: web, count: 1 } } }`,
    { file: 'deploy.yaml' },
  )

describe('SDL of today', () => {
  it('asks for a TEE and for notice', () => {
    const { manifest } = sdl('params: { tee: cpu }', { top: 'reclamation: { min_window: 24h }' })
    expect(manifest.demands).toEqual({ tee: 'cpu', noticeSeconds: 86_400 })
    expect(() => checkNotice(manifest, 86_400)).not.toThrow()
    expect(() => checkNotice(manifest, 3_600)).toThrow(/asks for 1d of notice.*give 1h/)
    expect(manifest.attributes).toEqual({ 'capabilities/storage/1/class': 'beta3' })
  })

  it('a TEE of GPUs is GPUs in confidential mode, whatever the policy was', () => {
    const gpu = ', gpu: { units: 1, attributes: { vendor: { nvidia: [{ model: h100 }] } } }'
    const { manifest } = sdl('params: { tee: cpu-gpu }', { resources: gpu })
    const order = orderFor(manifest, {
      tenant: '0x0000000000000000000000000000000000000001',
      token: '0x0000000000000000000000000000000000000002',
      policy: defaultPolicy(true),
    })
    expect([defaultPolicy(true).gpus, order.policy.gpus]).toEqual(['any', 'confidential'])
    expect(() => sdl('params: { tee: cpu-gpu }')).toThrow(/and no GPU/)
    expect(() => sdl('params: { tee: gpu }')).toThrow(/params\.tee: found "gpu"/)
  })

  it('limits what the gateway lets through', () => {
    const expose =
      '{ port: 80, as: 80, http_options: { max_body_size: 1000, read_timeout: 5000, send_timeout: 0, next_cases: [error] }, to: [{ global: true }] }'
    const { manifest, warnings } = sdl('', { expose })
    expect(manifest.services['web']?.expose[0]?.http).toEqual({ maxBodyBytes: 1000, readTimeoutMs: 5000 })
    expect(warnings.map(({ field }) => field)).toContain('services.web.expose[0].http_options.next_cases')
  })

  it('has HTTP on 80 alone', () => {
    const { manifest } = sdl('', { expose: '{ port: 8443, as: 443, to: [{ global: true }] }, { port: 3000, as: 80, to: [{ global: true }] }' })
    expect(manifest.services['web']?.expose.map(({ port, protocol }) => [port, protocol])).toEqual([
      [8443, 'tcp'],
      [3000, 'http'],
    ])
  })

  it('says where "as" differs from what services of the lease see', () => {
    const { warnings } = sdl('', { expose: '{ port: 5000, as: 80, to: [{ service: web }] }' })
    expect(warnings.some(({ message }) => message.includes('reach it at port 5000, not 80'))).toBe(true)
  })

  it('GPU memory and form decide', () => {
    const gpu = ', gpu: { units: 2, attributes: { vendor: { nvidia: [{ model: a100, ram: 80Gi, interface: sxm }] } } }'
    const { resources } = orderFor(sdl('', { resources: gpu }).manifest, {
      tenant: '0x0000000000000000000000000000000000000001',
      token: '0x0000000000000000000000000000000000000002',
      policy: defaultPolicy(true),
    })
    expect(gpuMismatch(resources, { gpuClass: 'a100', ram: '80Gi', form: 'SXM' })).toBeUndefined()
    expect(gpuMismatch(resources, { gpuClass: 'a100', ram: '40Gi', form: 'sxm' })).toMatch(/a100 with 80 GiB sxm; here is a100 with 40 GiB/)
    expect(gpuMismatch(resources, { gpuClass: 'a100', ram: '80Gi' })).toMatch(/form nobody states/)
    expect(gpuMismatch(resources, { gpuClass: 'a100', form: 'sxm' })).toMatch(/memory nobody states/)
    expect(impossibleGpus(resources, 'a100')).toBeUndefined()
    const any = [[{ model: '*', memoryMiB: 40 * 1024 }]]
    expect(gpuMismatch({ gpuKinds: any }, { gpuClass: 'l4', ram: '80Gi' })).toMatch(/here is l4 with 24 GiB/)
    expect(gpuMismatch({ gpuKinds: any }, { gpuClass: 'l40s' })).toBeUndefined()
    expect([impossibleGpus({ gpuKinds: any }, 'l4'), impossibleGpus({ gpuKinds: any }, 'h100')]).toEqual([expect.stringMatching(/l4/), undefined])
    expect(gpuMismatch({ gpuKinds: any }, { gpuClass: '' })).toMatch(/no GPU/)
  })

  it('other vendors’ GPUs, and models that no one worker has, are refused before money moves', () => {
    const of = (text: string) => () => checkSupported(compose(text).manifest)
    expect(of('services: { a: { image: a, gpus: [{ driver: amd, count: 1 }] } }')).toThrow(/GPUs of amd/)
    const { manifest } = compose('services: { a: { image: a, gpus: [{ count: 1 }] }, b: { image: b, gpus: [{ count: 1 }] } }')
    for (const [name, model] of [
      ['a', 'h100'],
      ['b', 'a100'],
    ] as const) {
      const gpu = manifest.services[name]?.resources.gpu
      if (gpu) gpu.models = [{ model }]
    }
    expect(() => checkSupported(manifest)).toThrow(/different GPU models/)
  })

  it.each([
    ['cmd: [a]', 'services.web.cmd'],
    ['environment: [a]', 'services.web.environment'],
    ['params: { permissions: { read: [logs] } }', 'services.web.params.permissions'],
    ['params: { storages: {} }', 'services.web.params.storages'],
  ])('passes over `%s` as Akash does, with a warning', (line, field) => {
    expect(sdl(line).warnings).toContainEqual(expect.objectContaining({ field, line: 7 }))
  })

  it('knows what people write for dependencies', () => {
    expect(() => sdl('depends_on: [db]')).toThrow(/deploy\.yaml:7 services\.web\.depends_on: db is not in the placement group/)
  })
})

describe('text that a stranger wrote', () => {
  it.each([
    [CONTAINER_PATH, ['/a\n/b', '/a/..', '/..', '/a\n/../../etc', '/x/../y', '/a:b', '/a\0', '/a\r', '/a\u2028\n', 'a', '/a\x7f']],
    [NAME_PATTERN, ['a\n', 'a\nb', '\na', 'a/b', '..', '']],
    [IMAGE_PATTERN, ['a\n', 'a b', '\na', 'a\0']],
    [USER_PATTERN, ['0\n', 'a:b\n', 'a b']],
    [HOSTNAME_PATTERN, ['a\n', 'a\nb', 'a b']],
  ])('is no match of %s with a line feed or a way out', (pattern, texts) => {
    for (const text of texts) expect([text, pattern.test(text)]).toEqual([text, false])
  })

  it('has paths that stay paths', () => {
    for (const path of ['/', '/a', '/a..b/c', '/a/.../b', '/päth/with space', '/..a']) expect(CONTAINER_PATH.test(path)).toBe(true)
  })

  const anyPath = fc.array(fc.constantFrom('/', '..', '.', 'a', '\n', '\r', ':', '\0', ' ', '\u2028'), { maxLength: 12 }).map((parts) => `/${parts.join('')}`)

  it('gets through a manifest as no path that climbs or has a control character', () => {
    const plain = compose('services: { web: { image: a } }').manifest
    fc.assert(
      fc.property(anyPath, (path) => {
        const { web: before } = plain.services
        const tried = { ...plain, services: { web: { ...before, tmpfs: [{ path, sizeMiB: 1 }] } } }
        let accepted = true
        try {
          readManifest(JSON.stringify(tried))
        } catch {
          accepted = false
        }
        const isBad = path.split('/').includes('..') || /[\p{Cc}:]/u.test(path)
        expect(accepted).toBe(!isBad)
      }),
    )
  })
})

/** A file in which every nested object of a service stands once. */
const FULL = {
  image: 'a',
  configs: [{ source: 'c', target: '/c' }],
  secrets: [{ source: 's', target: 't' }],
  ports: [{ target: 80, published: '8080' }],
  volumes: [
    { type: 'volume', source: 'v', target: '/v', volume: { nocopy: true } },
    { type: 'tmpfs', target: '/t', tmpfs: { size: '1m' } },
    { type: 'bind', source: './d', target: '/b', bind: { create_host_path: true } },
  ],
  env_file: [{ path: 'a.env', required: true }],
  depends_on: { db: { condition: 'service_started' } },
  healthcheck: { test: ['CMD', 'a'] },
  deploy: {
    resources: { limits: { cpus: '1', memory: '1g' }, reservations: { devices: [{ count: 1, capabilities: ['gpu'] }] } },
    restart_policy: { condition: 'any' },
  },
  networks: { n: { aliases: ['x'] } },
  ulimits: { nofile: { soft: 1, hard: 2 } },
  storage_opt: { size: '1g' },
}

/** Paths of all objects below a value. */
function objects(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return []
  const below = Object.entries(value).flatMap(([key, item]) => objects(item, [...path, Array.isArray(value) ? Number(key) : key]))
  return Array.isArray(value) ? below : [path, ...below]
}

describe('nothing is dropped in silence', () => {
  const parse = (web: unknown) =>
    compose(
      `services: ${JSON.stringify({ web, db: { image: 'b' } })}\nconfigs: {c: {content: x}}\nsecrets: {s: {file: a.env}}\nvolumes: {v: }\nnetworks: {n: }`,
      { 'a.env': 'A=1' },
    )
  // Below these, keys are names that the writer chooses.
  const FREE = ['depends_on', 'networks', 'ulimits']

  it('wherever a stray key stands', () => {
    expect(() => parse(FULL)).not.toThrow()
    const places = objects(FULL).filter((path) => !FREE.includes(String(path.at(-1))))
    expect(places.length).toBeGreaterThan(18)
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.stringMatching(/^[a-z]{3,9}_$/), fc.jsonValue({ maxDepth: 1 }), (path, key, value) => {
        const changed = structuredClone(FULL)
        const at = path.reduce<Record<string, unknown>>((object, part) => object[part] as Record<string, unknown>, changed as Record<string, unknown>)
        at[key] = value
        const told = (() => {
          try {
            return parse(changed).warnings.map(({ field }) => field)
          } catch (error) {
            expect(error).toBeInstanceOf(CloisterError)
            return [(error as ManifestError).field ?? '']
          }
        })()
        expect(told.some((field) => field.includes(key))).toBe(true)
      }),
      { numRuns: 150 },
    )
  })
})
