import { describe, expect, it } from 'vitest'
import type { Beside } from './parse-options.ts'
import { ManifestError } from './source.ts'
import { compose, service, web } from './testing.ts'

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
    const found = web(
      'volumes: ["./nginx.conf:/etc/nginx.conf:ro", "./certs:/certs:ro", "./run.sh:/run.sh"]',
      '',
      beside,
    )
    expect(
      found?.files.map((file) => [
        file.path,
        file.mode.toString(8),
        'content' in file && Buffer.from(file.content, 'base64').toString(),
      ]),
    ).toEqual([
      ['/etc/nginx.conf', '644', 'conf'],
      ['/certs/a.pem', '644', 'A'],
      ['/certs/sub/b.pem', '644', 'B'],
      ['/run.sh', '755', '#!'],
    ])
  })

  it('of folders that are not there are volumes, the same for the same folder', () => {
    const { manifest, warnings } = compose(
      'services:\n  a: { image: a, volumes: ["./data:/d", "/srv/x:/x:ro"] }\n  b: { image: b, volumes: ["./data/:/e"] }\n',
    )
    expect(manifest.services['a']?.mounts).toEqual([
      { volume: 'host-data', path: '/d', readOnly: false },
      { volume: 'host-srv-x', path: '/x', readOnly: true },
    ])
    expect(manifest.services['b']?.mounts[0]?.volume).toBe('host-data')
    expect(
      warnings.filter(({ message }) => message.includes('fresh volume')).map(({ line }) => line),
    ).toEqual([2, 2, 3])
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
    expect(
      service('volumes: ["dta:/d"]').warnings.some(({ message }) => message.includes('declared nowhere')),
    ).toBe(true)
  })
})

describe('env_file', () => {
  it('has quotes over lines and variables; what the file says itself goes before it', () => {
    const env =
      'KEY="-----BEGIN-----\nMIIB\n-----END-----"\nREF=${PLAIN}-suffix\nPLAIN=file\nOWN=file\nLITERAL=\'$PLAIN\'\nB\n'
    const { manifest } = compose(
      'services: { web: { image: a, env_file: [a.env], environment: { OWN: own, PLAIN: p } } }',
      { 'a.env': env },
      { B: 'outer' },
    )
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
    const files = {
      'sub/inc.yaml': 'services: { db: { image: "db:${TAG}", env_file: [x.env] } }',
      'sub/.env': 'TAG=7',
      'sub/x.env': 'X=sub',
    }
    const { manifest } = compose(
      'include: [sub/inc.yaml]\nservices: { web: { image: a, depends_on: [db] } }',
      files,
    )
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
    const files = {
      'me.yaml': 'include: [me.yaml]\nservices: { b: { image: b } }',
      'dup.yaml': 'services: { a: { image: b } }',
    }
    expect(() => compose(text, files)).toThrow(message)
    expect(() => compose(text, files)).toThrow(ManifestError)
  })

  it('a fault in one names that file and its line', () => {
    expect(() =>
      compose('include: [inc.yaml]', { 'inc.yaml': 'services:\n  db:\n    image: a\n    frob: 1\n' }),
    ).toThrow(/^inc\.yaml:4 services\.db\.frob/)
  })
})
