import { describe, expect, it } from 'vitest'
import type { Beside, Granted, Wish } from './parse-options.ts'
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
      ['/run.sh', '755', '#!'],
      ['/certs/a.pem', '644', 'A'],
      ['/certs/sub/b.pem', '644', 'B'],
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
    ['"./full:/d"', /has to be prepared on the machine/],
    ['"/dev/snd:/dev/snd"', /host path/],
    ['"/var/log:/var/log"', /host path/],
    ['"/var/log/app:/logs:ro"', /host path/],
    ['"~:/h"', /the home ~ can't be mounted/],
    ['"/root:/h:ro"', /the home/],
    ['"/home/me/:/h"', /the home/],
    ['"~/.ssh:/root/.ssh:ro"', /host path/],
    ['{ type: volume, source: v, target: /v, x-sealed: true }', /x-sealed of a mount of type volume/],
    ['{ type: bind, source: ./none, target: /v, x-sealed: true }', /is not there/],
    ['"v:/a/../etc"', /volumes\[0\]: found "v:/],
    ['"v:/a:exec"', /volumes\[0\]: found "v:/],
  ])('%s are refused by line', (mount, message) => {
    expect(() => web(`volumes: [${mount}]`, 'volumes: {v: }', { full: files({ x: 'x' }) })).toThrow(message)
  })

  it('of a file that is written to let the container write, with a warning', () => {
    const { manifest, warnings } = service('volumes: ["./a.db:/a.db", "./b:/b:ro"]', '', {
      'a.db': 'A',
      b: 'B',
    })
    expect(manifest.services['web']?.files.map(({ path, writable }) => [path, writable])).toEqual([
      ['/a.db', true],
      ['/b', undefined],
    ])
    expect(warnings.filter(({ message }) => message.includes('what the container writes'))).toHaveLength(1)
  })

  it('of drives, and with slashes too many, are as Docker Compose reads them', () => {
    const mounts = web(
      'volumes: ["c:/kafka/x/:/data", "C:\\\\Users\\\\x:/more:ro", "v://var//v/"]',
      'volumes: {v: }',
    )?.mounts
    expect(mounts?.map(({ path, readOnly }) => [path, readOnly])).toEqual([
      ['/data', false],
      ['/more', true],
      ['/var/v', false],
    ])
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

describe('folders beside the file', () => {
  const folder = (paths: Record<string, string>): Beside => ({
    kind: 'folder',
    files: Object.entries(paths).map(([path, text]) => ({ path, content: Buffer.from(text), mode: 0o644 })),
  })
  const tree: Beside = { kind: 'tree' }
  const digest = `sha256:${'ab'.repeat(32)}`
  const mib = 1024 * 1024
  /** Reads a file whose wishes all come to the same. */
  const sent = (
    text: string,
    beside: Record<string, string | Beside>,
    granted: Granted = { digest, bytes: 3 * mib, entries: 256 },
  ) => compose(text, beside, {}, { granted: () => granted })
  const one = (mount: string, beside: Record<string, string | Beside>, granted?: Granted) =>
    sent(`services: { web: { image: a, volumes: [${mount}] } }`, beside, granted)

  it('that are written to are volumes which begin with them, with room for as much again', () => {
    const { manifest, warnings } = one('./data:/d', { data: folder({ x: 'x' }) })
    expect(manifest.volumes).toEqual({
      'host-data': { sizeMiB: 1024, class: 'default', from: { digest, bytes: 3 * mib } },
    })
    expect(manifest.services['web']).toMatchObject({
      mounts: [{ volume: 'host-data', path: '/d', readOnly: false }],
      files: [],
    })
    expect(warnings.some(({ message }) => /is copied once.*x-size/.test(message))).toBe(true)
    const large = one('./data:/d', { data: tree }, { digest, bytes: 2000 * mib, entries: 1 })
    expect(large.manifest.volumes['host-data']?.sizeMiB).toBe(4002)
  })

  it('have the size that their mount states, which has to be enough', () => {
    const mount = (size: string) => `{ type: bind, source: ./data, target: /d, x-size: ${size} }`
    expect(one(mount('5g'), { data: tree }).manifest.volumes['host-data']?.sizeMiB).toBe(5120)
    expect(() => one(mount('2m'), { data: tree })).toThrow(/the volume has 2 MiB, and data has 3 MiB/)
    expect(one(mount('5g'), {}).manifest.volumes['host-data']).toEqual({ sizeMiB: 5120, class: 'default' })
  })

  it('are one volume for all services once one of them writes', () => {
    const { manifest } = sent(
      'services:\n  a: { image: a, volumes: ["./data:/a:ro", "v:/v"] }\n  b: { image: b, volumes: ["./data/:/b"] }\nvolumes: { v: }\n',
      { data: folder({ x: 'x' }) },
    )
    expect(manifest.services['a']?.mounts).toEqual([
      { volume: 'host-data', path: '/a', readOnly: true, noCopy: true },
      { volume: 'v', path: '/v', readOnly: false },
    ])
    expect(manifest.services['b']?.mounts).toMatchObject([{ volume: 'host-data', readOnly: false }])
  })

  it('that nobody writes to are files while the manifest holds them, else a volume just as large', () => {
    expect(one('./conf:/c:ro', { conf: folder({ x: 'x' }) }).manifest).toMatchObject({
      volumes: {},
      services: { web: { mounts: [], files: [{ path: '/c/x' }] } },
    })
    expect(one('./conf:/c:ro', { conf: tree }).manifest).toMatchObject({
      volumes: { 'host-conf': { sizeMiB: 4, from: { digest } } },
      services: { web: { mounts: [{ volume: 'host-conf', readOnly: true }], files: [] } },
    })
    const half = { x: 'x'.repeat(400 * 1024) }
    const both = sent('services: { web: { image: a, volumes: ["./a:/a:ro", "./b:/b:ro"] } }', {
      a: folder(half),
      b: folder(half),
    }).manifest
    expect([Object.keys(both.volumes), both.services['web']?.files.length]).toEqual([['host-b'], 1])
  })

  it('wish for what the mount leaves out, too, and are asked for without it', () => {
    const asked: unknown[] = []
    const { wishes } = compose(
      'services: { web: { image: a, volumes: [{ type: bind, source: ./d, target: /d, x-exclude: ["*.log"] }] } }',
      {},
      {},
      {
        look: (path, exclude) => {
          asked.push([path, exclude])
          return { kind: 'tree', leftOut: ['.git'] }
        },
        granted: () => undefined,
      },
    )
    expect(wishes).toEqual<Wish[]>([{ kind: 'folder', path: 'd', exclude: ['*.log'] }])
    expect(asked).toEqual([['d', ['*.log']]])
  })

  it('that are parts of each other are told of, where one of them is written to', () => {
    const text = (mode: string) =>
      `services: { a: { image: a, volumes: ["./d:/d:${mode}", "./d/sub:/s:ro"] } }`
    const told = (mode: string) =>
      sent(text(mode), { d: tree, 'd/sub': tree }).warnings.some(({ message }) =>
        message.includes('a part of d'),
      )
    expect([told('rw'), told('ro')]).toEqual([true, false])
  })

  it('that are large files are sent beside the manifest', () => {
    const large: Beside = { kind: 'large-file', bytes: 3 * mib, mode: 0o600 }
    expect(one('./model.bin:/m:ro', { 'model.bin': large }).manifest.services['web']?.files).toEqual([
      { path: '/m', blob: { digest, bytes: 3 * mib }, mode: 0o600, secret: false },
    ])
    const config = sent(
      'services: { web: { image: a, configs: [c] } }\nconfigs: { c: { file: model.bin } }',
      { 'model.bin': large },
    )
    expect(config.manifest.services['web']?.files).toMatchObject([{ path: '/c', blob: { digest } }])
  })

  it('come sealed where the mount says so, each of their files as a secret', () => {
    const { manifest, sealedFiles } = sent(
      'services:\n  web:\n    image: a\n    volumes:\n      - { type: bind, source: ./keys, target: /k, read_only: true, x-sealed: true }\n      - { type: bind, source: ./app.json, target: /app.json, read_only: true, x-sealed: true }\n',
      { keys: folder({ 'a.pem': 'A', 'b c.pem': 'B' }), 'app.json': '{}' },
    )
    expect(manifest.services['web']).toMatchObject({
      sealed: [
        { name: 'beside.keys-a.pem', path: '/k/a.pem' },
        { name: 'beside.keys-b-c.pem', path: '/k/b c.pem' },
        { name: 'beside.app.json', path: '/app.json' },
      ],
      files: [],
      mounts: [],
    })
    expect(Buffer.from(sealedFiles['beside.keys-b-c.pem'] ?? []).toString()).toBe('B')
    expect(() => one('{ type: bind, source: ./d, target: /d, x-sealed: true }', { d: tree })).toThrow(
      /d is more than can be sealed/,
    )
  })
})

describe('what lies above the file', () => {
  it('is asked for by a path that climbs, for the one who reads to say whether it may', () => {
    const asked: string[] = []
    const { manifest } = compose(
      'services: { web: { image: a, env_file: ../web.env, volumes: ["../conf/a:/a:ro", "../../data:/data"] } }',
      {},
      {},
      {
        look: (path) => {
          asked.push(path)
          return path === '../../data'
            ? undefined
            : { kind: 'file', content: Buffer.from('X=1'), mode: 0o644 }
        },
      },
    )
    expect(asked).toEqual(['../conf/a', '../../data', '../web.env'])
    expect(manifest.services['web']).toMatchObject({ env: { X: '1' }, files: [{ path: '/a' }] })
    expect(Object.keys(manifest.volumes)).toEqual(['host-data'])
  })

  it('may hold what is mounted as well, which is told of', () => {
    const folder: Beside = { kind: 'folder', files: [{ path: 'f', content: Buffer.from('x'), mode: 0o644 }] }
    const overlaps = (mounts: string) =>
      compose(
        `services: { web: { image: a, volumes: [${mounts}] } }`,
        {},
        {},
        {
          look: () => folder,
          granted: () => ({ digest: `sha256:${'a'.repeat(64)}`, bytes: 1, entries: 1 }),
        },
      ).warnings.filter(({ message }) => message.includes('is a part of')).length
    expect(overlaps('"..:/a", "./b:/b"')).toBe(1)
    expect(overlaps('"..:/a", "../b:/b"')).toBe(1)
    expect(overlaps('".:/a", "../b:/b"')).toBe(0)
    expect(overlaps('"../a:/a", "../b:/b"')).toBe(0)
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
    ['include: [../other.yaml]\nservices: {}', /:1 include\[0\]: the file \.\.\/other\.yaml can't be read/],
    ['include: ["https://example.com/c.yaml"]\nservices: {}', /files from elsewhere/],
    ['include: [me.yaml]\nservices: { a: { image: a } }', /includes itself/],
    ['services: { a: { image: a, extends: a } }', /it extends itself/],
    ['services: { a: { extends: b }, b: { extends: a } }', /it extends itself/],
    ['services: { a: { extends: { service: x, file: me.yaml } } }', /no service x in me\.yaml/],
    ['include: [dup.yaml]\nservices: { a: { image: a } }', /services\.a is in dup\.yaml as well/],
    ['services: { a: { image: !other a } }', /the tag !other/],
    ['include: [{ path: [me2.yaml, deep.yaml] }]', /deep\.yaml:1 services\.b\.frob/],
  ])('%j is refused by line', (text, message) => {
    const files = {
      'me.yaml': 'include: [me.yaml]\nservices: { b: { image: b } }',
      'dup.yaml': 'services: { a: { image: b } }',
      'me2.yaml': 'services: { b: { image: b } }',
      'deep.yaml': 'services: { b: { frob: 1 } }',
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

describe('files that are put over each other', () => {
  const over = (base: string, ...others: string[]) =>
    compose(
      base,
      { 'b.env': 'FROM=b', 'sub/c.env': 'FROM=c' },
      {},
      {
        project: 'folder',
        over: others.map((text, index) => ({ file: `over${index}.yaml`, text })),
      },
    )

  it('add to lists, replace pairs, commands and mounts, and may leave out what is there', () => {
    const { manifest } = over(
      'services:\n  web:\n    image: web:1\n    command: [old, x]\n    ports: ["8080:80"]\n    environment: { A: base, B: base }\n    volumes: ["v:/data", "w:/more"]\n    env_file: b.env\n  db: { image: db }\nvolumes: { v: { x-size: 1g }, w: { x-size: 1g } }\n',
      'services:\n  web:\n    image: web:2\n    command: new\n    ports: ["8080:80", "81:81"]\n    environment: [B=over, C=over]\n    volumes: ["w:/data"]\n    depends_on: [db]\n',
      'volumes: { v: { x-size: 2g } }\nservices: { more: { image: more } }',
    )
    expect(manifest.services['web']).toMatchObject({
      image: 'web:2',
      command: ['new'],
      env: { A: 'base', B: 'over', C: 'over', FROM: 'b' },
      mounts: [
        { volume: 'w', path: '/data' },
        { volume: 'w', path: '/more' },
      ],
      dependsOn: [{ service: 'db' }],
    })
    expect(manifest.services['web']?.expose.map(({ port }) => port)).toEqual([80, 81])
    expect(Object.keys(manifest.services)).toEqual(['web', 'db', 'more'])
  })

  it('take away with !reset and replace with !override', () => {
    const base =
      'services:\n  web: { image: a, ports: ["80:80", "81:81"], environment: { A: 1, B: 2 }, command: [x], networks: [n] }\n  db: { image: b }\nnetworks: { n: { internal: true } }\n'
    const { manifest } = over(
      base,
      'services:\n  web:\n    ports: !override ["82:82"]\n    environment:\n      A: !reset null\n    command: !reset null\n    networks: !reset []\n  db: !reset null\n',
    )
    expect(Object.keys(manifest.services)).toEqual(['web'])
    expect(manifest.services['web']).toMatchObject({ env: { B: '2' }, expose: [{ port: 82 }] })
    expect(manifest.services['web']?.command).toBeUndefined()
    expect(compose('services: { web: { image: a, ports: !reset ["80"] } }').manifest.services).toMatchObject({
      web: { expose: [] },
    })
  })

  it('name the file and line of a fault', () => {
    const fault = (text: string) => () => over('services:\n  web: { image: a }\n', text)
    expect(fault('services:\n  web:\n    portz: [80]\n')).toThrow(/^over0\.yaml:3 services\.web\.portz/)
    expect(fault('services:\n  web:\n    image: [a]\n')).toThrow(
      /^over0\.yaml:3 .*line 2 of compose\.yaml|another kind/,
    )
    expect(fault('- a\n')).toThrow(/^over0\.yaml:1.*a list/)
  })

  it('are for Compose alone', () => {
    const sdlFile = 'version: "2.0"\ndeployment: {}\nservices: {}\n'
    expect(() => over(sdlFile, 'services: {}')).toThrow(/over0\.yaml can't be put over it/)
    expect(() => compose(`${sdlFile}profiles: !reset {}\n`)).toThrow(/compose\.yaml:4 profiles: the tags/)
  })

  it('know what the project is called', () => {
    const named = (top: string, project?: string) =>
      compose(
        `${top}services: { web: { image: a, container_name: "$\{COMPOSE_PROJECT_NAME}_web" } }`.replace(
          '\\',
          '',
        ),
        {},
        {},
        {
          ...(project !== undefined && { project }),
        },
      ).manifest.services['web']?.aliases
    expect(named('name: shop\n', 'folder')).toEqual(['shop_web'])
    expect(named('', 'folder')).toEqual(['folder_web'])
  })

  it('include several put over each other, with the folder of the first', () => {
    const { manifest } = compose(
      'include: [{ path: [sub/one.yaml, two.yaml] }]\nservices: { web: { image: a } }',
      {
        'sub/one.yaml': 'services: { db: { image: b, environment: { A: 1 } } }',
        'two.yaml': 'services: { db: { env_file: c.env, environment: { A: 2 } } }',
        'sub/c.env': 'FROM=c',
      },
    )
    expect(manifest.services['db']).toMatchObject({ image: 'b', env: { A: '2', FROM: 'c' } })
  })
})

describe('volumes', () => {
  it('that are elsewhere are fresh ones of the lease, with a warning', () => {
    const { manifest, warnings } = service(
      'volumes: ["v:/v", "w:/w"]',
      'volumes: { v: { external: true }, w: { external: { name: other }, x-size: 2g } }',
    )
    expect(manifest.volumes).toMatchObject({ v: { sizeMiB: 1024 }, w: { sizeMiB: 2048 } })
    expect(warnings.filter(({ message }) => message.startsWith('ignored: external'))).toHaveLength(2)
  })

  it('that are memory elsewhere are on disk, as large as they say', () => {
    const { manifest, warnings } = service(
      'volumes: ["v:/v"]',
      'volumes: { v: { driver: local, driver_opts: { type: tmpfs, device: tmpfs, o: "size=100m,uid=1000" } } }',
    )
    expect(manifest.volumes['v']?.sizeMiB).toBe(100)
    expect(warnings.some(({ message }) => /volume on disk/.test(message))).toBe(true)
  })

  it('that stand for a folder are that folder', () => {
    const { manifest, warnings } = compose(
      'services: { web: { image: a, volumes: ["v:/v", "/full/path/data:/d"] } }\nvolumes: { v: { driver: local, driver_opts: { type: none, o: bind, device: /full/path/data } } }\n',
      { data: { kind: 'tree' } },
      {},
      { folder: '/full/path', granted: () => undefined },
    )
    expect(manifest.services['web']?.mounts).toMatchObject([
      { volume: 'host-data', path: '/v' },
      { volume: 'host-data', path: '/d' },
    ])
    expect(warnings.some(({ message }) => message.includes('no service mounts'))).toBe(false)
  })

  it.each([
    ['{ driver_opts: { type: nfs, o: "addr=10.0.0.1", device: ":/x" } }', /type nfs is not mounted/],
    ['{ driver: rexray }', /the driver rexray is not offered/],
    ['{ driver_opts: { type: ext4, device: /dev/sdb1 } }', /devices of the host/],
    ['{ driver_opts: { type: none, o: bind, device: / } }', /the host path \/ can't be mounted/],
  ])('%s are refused', (volume, message) => {
    expect(() => service('volumes: ["v:/v"]', `volumes: { v: ${volume} }`)).toThrow(message)
  })

  it('of another service are mounted at the same places, but for those of its own', () => {
    const { manifest } = compose(
      'services:\n  data: { image: d, volumes: ["v:/v", "/anon", { type: volume, source: w, target: /w }] }\n  web: { image: a, volumes_from: ["data:ro"], volumes: ["x:/v"] }\n  last: { image: b, volumes_from: [web] }\nvolumes: { v: , w: , x: }\n',
    )
    const mounts = [
      { volume: 'x', path: '/v', readOnly: false },
      { volume: 'anonymous-data-1', path: '/anon', readOnly: true },
      { volume: 'w', path: '/w', readOnly: true },
    ]
    expect(manifest.services['web']?.mounts).toEqual(mounts)
    expect(manifest.services['last']?.mounts).toEqual(mounts)
    expect(() => service('volumes_from: ["container:x"]')).toThrow(/outside of the lease/)
    expect(() => service('volumes_from: [web]')).toThrow(/takes its own mounts/)
    expect(() => service('volumes_from: [none]')).toThrow(/there is no service none/)
  })
})
