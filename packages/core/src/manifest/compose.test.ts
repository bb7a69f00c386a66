import { describe, expect, it } from 'vitest'
import { healthCheckOf } from './health.ts'
import { compose, sdl, service, web } from './testing.ts'

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
    expect(sdl('args: [010, 1_000, True, 1.10]').manifest.services['web']?.command).toEqual([
      '010',
      '1_000',
      'True',
      '1.10',
    ])
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
    expect(
      web(`configs: [{source: c, target: /c, mode: ${mode}}]`, 'configs: {c: {content: x}}')?.files[0]?.mode,
    ).toBe(expected)
  })

  it.each(['01777', '"999"', '"0888"', '1.5', '-1', '"0440\\n"'])(
    'a mode of %s is refused by line',
    (mode) => {
      expect(() =>
        web(`configs: [{source: c, target: /c, mode: ${mode}}]`, 'configs: {c: {content: x}}'),
      ).toThrow(/compose\.yaml:4 services\.web\.configs\[0\]\.mode/)
    },
  )

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
    const { manifest, warnings } = compose(
      'services: { web: { image: a }, off: { image: b, deploy: { replicas: 0 } } }',
    )
    expect(Object.keys(manifest.services)).toEqual(['web'])
    expect(warnings.map(({ field }) => field)).toContain('services.off')
  })
})

describe('a service that takes something of another', () => {
  it('starts after that one, as Docker Compose has it', () => {
    const { services } = compose(
      'services:\n  web: { image: a, links: ["db:store", back], depends_on: { back: { condition: service_healthy } } }\n  back: { image: b, volumes_from: ["db:ro"], healthcheck: { test: "true" } }\n  db: { image: c, volumes: ["v:/v"] }\nvolumes: { v: }\n',
    ).manifest
    expect(services['web']?.dependsOn).toEqual([
      { service: 'back', condition: 'healthy' },
      { service: 'db', condition: 'started' },
    ])
    expect(services['back']?.dependsOn).toEqual([{ service: 'db', condition: 'started' }])
  })
})

describe('names', () => {
  it('by which a service is known on Docker are known in the lease', () => {
    const { services } = compose(
      'services:\n  cache: { image: a, container_name: my_cache, hostname: cachehost, networks: { back: { aliases: [redis.internal] } } }\n  web: { image: b, links: ["cache:store"] }\nnetworks: { back: }\n',
    ).manifest
    expect(services['cache']?.aliases?.toSorted()).toEqual([
      'cachehost',
      'my_cache',
      'redis.internal',
      'store',
    ])
  })

  it('that are another service are refused', () => {
    expect(() =>
      compose(
        'services:\n  web: { image: a, links: ["db:cache"] }\n  db: { image: b }\n  cache: { image: c }\n',
      ),
    ).toThrow(/:2 services\.web\.links\[0\]: cache is the name of another service/)
    expect(() => compose('services: { web: { image: a, container_name: db }, db: { image: b } }')).toThrow(
      /name of another service/,
    )
  })

  it('of addresses outside are the file’s own; the host has none', () => {
    const { manifest, warnings } = service(
      'extra_hosts: ["a.example:203.0.113.1", "b.example=2001:db8::1", "host.docker.internal:host-gateway"]',
    )
    expect(manifest.services['web']?.hosts).toEqual({
      'a.example': '203.0.113.1',
      'b.example': '2001:db8::1',
    })
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
    const { manifest, warnings } = compose(
      'services: { a: { image: a, networks: [n] }, b: { image: b } }\nnetworks: { n: { internal: true } }',
    )
    expect(manifest.internet).toBeUndefined()
    expect(warnings.some(({ field }) => field === 'networks.n.internal')).toBe(true)
  })
})

describe('what starts after what', () => {
  it('goes without what may be missing', () => {
    const { manifest, warnings } = compose(
      'services:\n  web: { image: a, depends_on: { db: { condition: service_started, required: false }, up: { condition: service_healthy, required: false } } }\n  db: { image: b, profiles: [p] }\n  up: { image: c }\n',
    )
    expect(manifest.services['web']?.dependsOn).toEqual([
      { service: 'up', condition: 'healthy', optional: true },
    ])
    expect(warnings.some(({ message }) => message.includes('it starts without'))).toBe(true)
  })

  it('a file all of whose services have a profile says which', () => {
    expect(() =>
      compose('services: { a: { image: a, profiles: [x] }, b: { image: b, profiles: [y] } }'),
    ).toThrow(expect.objectContaining({ hint: { do: 'choose-profile', subject: 'x, y' } }))
  })
})

describe('what is not run', () => {
  const withDebug = (lines: string, rest = '') =>
    compose(
      `services:\n  web: { image: a }\n  debug:\n    profiles: [debug]\n${lines.replace(/^/gm, '    ')}\n${rest}`,
    )

  it.each([
    ['iamge: b', 5, 'services.debug.iamge'],
    ['"deploy.resources": {}', 5, 'services.debug.deploy.resources'],
    ['ports: [{ "*": 1 }]', 5, 'services.debug.ports[0].*'],
    ['image: b\nports:\n  - 80\n  - { target: 80, publish: 8080 }', 8, 'services.debug.ports[1].publish'],
    [
      'image: b\ndeploy: { resources: { limits: { cpu: 1 } } }',
      6,
      'services.debug.deploy.resources.limits.cpu',
    ],
  ])('has no key that nobody knows: %j', (lines, line, field) => {
    expect(() => withDebug(lines)).toThrow(
      expect.objectContaining({ line, field, hint: expect.stringContaining('Known here: ') }),
    )
  })

  it('may ask for what no worker gives, and have values that are not there', () => {
    const lines =
      'image: ${NOT_SET}\nprivileged: true\ncredential_spec: { file: a, x-more: 1 }\nvolumes: ["/var/run/docker.sock:/s"]\nstorage_opt: { anything: 1 }\nx-own: { a: b }'
    const { manifest, warnings } = withDebug(lines)
    expect(Object.keys(manifest.services)).toEqual(['web'])
    // As Docker Compose tells it.
    expect(
      warnings.filter(({ field }) => field.startsWith('services.debug')).map(({ message }) => message),
    ).toEqual(['the variable NOT_SET is not set and stands for nothing'])
  })

  it('is told of where something is declared for nobody, by line, and is not looked for', () => {
    const rest =
      'secrets:\n  s: { file: not-there }\n  e: { external: true }\n  used: { file: here }\nconfigs:\n  c: { environment: NOT_SET }\nvolumes:\n  v:\nnetworks:\n  quiet:\n  inner: { internal: true }\n'
    const { warnings, manifest } = service('secrets: [used]', rest, { here: 'x' })
    const ignored = warnings
      .filter(({ message }) => /^ignored: no service/.test(message))
      .map(({ field, line }) => `${field} ${line}`)
    expect(ignored.sort()).toEqual([
      'configs.c 10',
      'networks.inner.internal 15',
      'secrets.e 7',
      'secrets.s 6',
      'volumes.v 12',
    ])
    expect(manifest.services['web']?.files).toHaveLength(1)
    expect(manifest.internet).toBeUndefined()
  })

  it.each([
    'secrets: { s: { fil: x } }',
    'configs: { c: { contents: x } }',
    'volumes: { v: { size: 1g } }',
    'networks: { n: { inner: true } }',
  ])('has its keys looked at all the same: %s', (rest) => {
    expect(() => service('', rest)).toThrow(/is not a known field here/)
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
    [
      'healthcheck: { interval: 0s, timeout: 0, start_period: 0ms, start_interval: 0m, retries: 0 }',
      undefined,
    ],
    ['healthcheck: { interval: 0s, timeout: 1ms, retries: 2 }', { timeoutMs: 1, retries: 2 }],
  ])('%j leaves the rest to the image', (line, expected) => {
    const { manifest, warnings } = service(line)
    expect(manifest.services['web']?.health).toEqual(expected)
    expect(warnings.some(({ field }) => field.includes('healthcheck'))).toBe(false)
  })

  it('of nothing is Docker’s default where the image says nothing either', () => {
    const stated = web(
      'healthcheck: { test: ["CMD", "true"], interval: 0s, timeout: 0s, start_period: 0s, retries: 0 }',
    )?.health
    expect(healthCheckOf(stated)).toEqual({
      test: ['CMD', 'true'],
      intervalMs: 30_000,
      timeoutMs: 30_000,
      startPeriodMs: 0,
      retries: 3,
    })
  })

  it.each(['interval: 400us', 'timeout: 1us', 'start_period: -1s', 'start_interval: soon', 'retries: -1'])(
    'with %s is refused by line',
    (line) => {
      expect(() => web(`healthcheck: { ${line} }`)).toThrow(/compose\.yaml:4 services\.web\.healthcheck\./)
    },
  )

  it('start_interval is told of where it says something', () => {
    expect(service('healthcheck: { start_interval: 2s }').warnings.map(({ field }) => field)).toContain(
      'services.web.healthcheck.start_interval',
    )
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

  it('that come to nothing here are told of, and what programs want of them is there', () => {
    const { manifest, warnings } = service('cap_add: [SYS_NICE, CAP_IPC_LOCK]')
    expect(manifest.services['web']).toMatchObject({ ulimits: { memlock: { soft: -1, hard: -1 } } })
    expect(manifest.services['web']?.capabilities).toBeUndefined()
    expect(warnings.filter(({ field }) => field.includes('cap_add'))).toHaveLength(2)
    expect(web('cap_add: [IPC_LOCK]\nulimits: { memlock: 65536 }')?.ulimits['memlock']?.soft).toBe(65_536)
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

describe('what a worker must say of itself', () => {
  it('is named at the top', () => {
    const file = (more: string) => compose(`services: { web: { image: a } }\n${more}`).manifest.attributes
    expect(file('x-attributes: { cluster: kubernetes, region: eu }')).toEqual({
      cluster: 'kubernetes',
      region: 'eu',
    })
    expect(file('')).toEqual({})
    expect(() => file('x-attributes: { "a b": c }')).toThrow(/x-attributes\.a b/)
    expect(() => file('x-attributes: [cluster]')).toThrow(/x-attributes/)
  })
})

describe('what Docker Compose takes as well', () => {
  it('conditions of restart policies in the words of restart', () => {
    const restart = (condition: string) =>
      web(`deploy: { restart_policy: { condition: ${condition} } }`)?.restart.policy
    expect(['none', 'no', 'on-failure', 'any', 'always', 'unless-stopped'].map(restart)).toEqual([
      'no',
      'no',
      'on-failure',
      'always',
      'always',
      'always',
    ])
  })

  it('empty texts, which say nothing', () => {
    const text = ['container_name', 'hostname', 'working_dir', 'platform', 'runtime', 'stop_signal', 'user']
      .map((key) => `${key}: ""`)
      .join('\n')
    expect(web(text)).toEqual(web(''))
  })

  it('any name of a variable that the kernel takes', () => {
    expect(web('environment: ["ConnectionStrings:Default=a b", "A = b", "LC_ALL:en"]')?.env).toEqual({
      'ConnectionStrings:Default': 'a b',
      'A ': ' b',
    })
    expect(() => service('environment: ["=b"]')).toThrow(/environment\[0\]: found "=b"/)
  })
})
