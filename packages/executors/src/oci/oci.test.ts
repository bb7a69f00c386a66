import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseImageReference } from '@cloister/core'
import { hasRegistry, type Registry, startRegistry } from '@cloister/development/engines'
import { Header } from 'tar'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ImageStore } from '../sandbox/image-store.ts'
import { buildImage } from './build.ts'
import { pinnedReference } from './reference.ts'

const sha256 = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

describe('references', () => {
  it.each([
    ['nginx', { host: 'registry-1.docker.io', repository: 'library/nginx', tag: 'latest' }],
    ['bitnami/redis:7', { host: 'registry-1.docker.io', repository: 'bitnami/redis', tag: '7' }],
    ['ghcr.io/a/b/c:1', { host: 'ghcr.io', repository: 'a/b/c', tag: '1' }],
    ['localhost:5000/x', { host: 'localhost:5000', repository: 'x', tag: 'latest' }],
  ])('%s', (text, parsed) => expect(parseImageReference(text)).toMatchObject(parsed))

  it.each([
    '',
    'UPPER/case',
    'a b',
    '../etc',
    'x:',
    'x@sha256:12',
    'http://x/y',
    'a/../b',
    `${'x/'.repeat(200)}y`,
  ])('%s is none', (text) =>
    expect(() => parseImageReference(text)).toThrow(expect.objectContaining({ code: expect.any(String) })),
  )
})

describe('pinned references', () => {
  it.each([
    ['nginx', 'nginx'],
    ['nginx:1.29', 'nginx'],
    ['localhost:5000/x', 'localhost:5000/x'],
    ['localhost:5000/x:2', 'localhost:5000/x'],
    [`ghcr.io/a/b:1@sha256:${'0'.repeat(64)}`, 'ghcr.io/a/b'],
  ])('of %s name it without its tag', (text, name) =>
    expect(pinnedReference(text, 'sha256:1')).toBe(`${name}@sha256:1`),
  )
})

describe('images', () => {
  let folder: string
  let layout: string
  let digest: string

  const store = (trusted: string[] = [], layouts: string[] = []) =>
    new ImageStore(join(folder, `store-${Math.random().toString(36).slice(2)}`), {
      layouts,
      trustedRegistries: trusted,
    })

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-oci-'))
    layout = join(folder, 'layout')
    digest = await buildImage({
      layout,
      name: 'test/plain:1',
      programs: {},
      files: { '/app/hello.txt': 'hello' },
      entrypoint: ['/bin/true'],
      command: ['x'],
      env: { A: '1' },
    })
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('come from a layout folder, by name, with what they ask for', async () => {
    const images = store([], [layout])
    const image = await images.pull('test/plain:1')
    expect(image).toMatchObject({ digest, entrypoint: ['/bin/true'], command: ['x'], env: { A: '1' } })
    expect(readFileSync(join(images.rootOf(digest), 'app/hello.txt'), 'utf8')).toBe('hello')
  })

  it('are built the same from the same files', async () => {
    const again = await buildImage({
      layout: join(folder, 'again'),
      name: 'other:2',
      programs: {},
      files: { '/app/hello.txt': 'hello' },
      entrypoint: ['/bin/true'],
      command: ['x'],
      env: { A: '1' },
    })
    expect(again).toBe(digest)
  })

  describe.skipIf(!hasRegistry)('from a registry', () => {
    let registry: Registry
    let host: string

    beforeAll(async () => {
      registry = await startRegistry(folder)
      host = registry.host
      await registry.push(layout, digest, 'team/plain', '1')
    })
    afterAll(() => registry.stop())

    it.each(['by tag', 'by digest'])('%s', async (how) => {
      const images = store([host])
      const image = await images.pull(
        how === 'by tag' ? `${host}/team/plain:1` : `${host}/team/plain@${digest}`,
      )
      expect(image.digest).toBe(digest)
      expect(readFileSync(join(images.rootOf(digest), 'app/hello.txt'), 'utf8')).toBe('hello')
    })

    it('that the provider does not trust is not asked, if it is inside a network', async () => {
      await expect(store().pull(`${host}/team/plain:1`)).rejects.toMatchObject({ code: 'image-unavailable' })
    })

    it('which does not have them are an error that says so', async () => {
      await expect(store([host]).pull(`${host}/team/other:1`)).rejects.toThrow(/has no team\/other/)
    })
  })

  describe('that are hostile', () => {
    let server: Server
    let host: string
    const documents = new Map<string, Buffer>()
    let authorization: string | undefined

    const put = (bytes: Buffer) => {
      documents.set(sha256(bytes), bytes)
      return { digest: sha256(bytes), size: bytes.length }
    }
    /** An image of one layer with these bytes. */
    const image = (
      name: string,
      layer: Buffer,
      change: (manifest: {
        layers: { digest: string; size: number; mediaType: string }[]
      }) => void = () => {},
    ) => {
      const manifest = {
        schemaVersion: 2,
        config: {
          ...put(Buffer.from('{"architecture":"amd64","config":{}}')),
          mediaType: 'application/vnd.oci.image.config.v1+json',
        },
        layers: [{ ...put(layer), mediaType: 'application/vnd.oci.image.layer.v1.tar' }],
      }
      change(manifest)
      documents.set(name, Buffer.from(JSON.stringify(manifest)))
      return `${host}/${name}:1`
    }
    /** A tar entry made by hand, since no decent program writes such. */
    const entry = (fields: {
      path: string
      type?: 'File' | 'SymbolicLink' | 'Link' | 'CharacterDevice'
      linkpath?: string
      body?: string
    }) => {
      const body = Buffer.from(fields.body ?? '')
      const header = new Header({
        path: fields.path,
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: body.length,
        type: fields.type ?? 'File',
        mtime: new Date(0),
        ...(fields.linkpath !== undefined && { linkpath: fields.linkpath }),
      })
      header.encode()
      const head = header.block ?? Buffer.alloc(512)
      return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)])
    }
    const tarOf = (...entries: Parameters<typeof entry>[0][]) =>
      Buffer.concat([...entries.map(entry), Buffer.alloc(1024)])

    beforeAll(async () => {
      server = createServer((request, response) => {
        authorization = request.headers.authorization
        const [, , name = '', kind, wanted = ''] = (request.url ?? '').split('/')
        const bytes = documents.get(kind === 'manifests' ? name : wanted)
        if (name === 'loop') return response.writeHead(302, { location: request.url }).end()
        if (name === 'inside')
          return response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()
        return bytes ? response.end(bytes) : response.writeHead(404).end()
      })
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
      host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    })
    afterAll(() => void server.close())

    it('write nothing outside their folder, and no devices', async () => {
      const escaped = join(folder, 'escaped')
      const reference = image(
        'outside',
        tarOf(
          { path: '../../../escaped', body: 'x' },
          { path: escaped, body: 'x' },
          { path: 'link', type: 'SymbolicLink', linkpath: folder },
          { path: 'link/escaped', body: 'x' },
          { path: 'dev/null', type: 'CharacterDevice' },
          { path: 'hard', type: 'Link', linkpath: '/etc/passwd' },
          { path: 'fine.txt', body: 'fine' },
        ),
      )
      const images = store([host])
      const found = await images.pull(reference).catch((error) => error)
      expect(existsSync(escaped)).toBe(false)
      if (found instanceof Error) return expect(found).toMatchObject({ code: 'image-unavailable' })
      const root = images.rootOf(found.digest)
      expect(readFileSync(join(root, 'fine.txt'), 'utf8')).toBe('fine')
      for (const path of readdirSync(root, { recursive: true }))
        expect(lstatSync(join(root, String(path))).isCharacterDevice()).toBe(false)
      expect(existsSync(join(root, 'hard'))).toBe(false)
      return undefined
    })

    it('remove nothing through whiteouts that lead outside', async () => {
      const victim = join(folder, 'victim')
      await mkdir(victim, { recursive: true })
      await writeFile(join(victim, 'keep'), 'x')
      const images = store([host])
      await images
        .pull(
          image(
            'whiteout',
            tarOf(
              { path: 'way', type: 'SymbolicLink', linkpath: victim },
              { path: 'way/.wh.keep' },
              { path: '../victim/.wh.keep' },
              { path: '.wh...' },
            ),
          ),
        )
        .catch(() => {})
      expect(existsSync(join(victim, 'keep'))).toBe(true)
    })

    it('are refused where content, size or shape is not as stated', async () => {
      const good = tarOf({ path: 'a', body: 'a' })
      const other = tarOf({ path: 'other', body: 'other' })
      const references = [
        image('content', other, (manifest) =>
          documents.set(
            manifest.layers[0]?.digest ?? '',
            Buffer.concat([other.subarray(0, -512), Buffer.alloc(512, 1)]),
          ),
        ),
        image(
          'longer',
          Buffer.concat([good, Buffer.alloc(512)]),
          (manifest) => manifest.layers[0] && (manifest.layers[0].size = 512),
        ),
        image('no-tar', Buffer.from('this is no archive at all')),
        image(
          'odd',
          good,
          (manifest) => manifest.layers[0] && (manifest.layers[0].digest = 'sha256:../../x'),
        ),
        `${host}/loop:1`,
        `${host}/inside:1`,
      ]
      documents.set('list', Buffer.from('[]'))
      documents.set('text', Buffer.from('hello'))
      for (const reference of [...references, `${host}/list:1`, `${host}/text:1`]) {
        const outcome = await store([host])
          .pull(reference)
          .catch((error) => error)
        if (reference.includes('no-tar') && !(outcome instanceof Error)) continue
        expect(outcome, reference).toMatchObject({ code: 'image-unavailable' })
      }
    })

    it('get no credentials of another registry', async () => {
      await store([host])
        .pull(image('creds', tarOf({ path: 'b', body: 'b' })), {
          credentials: { host: 'ghcr.io', username: 'me', password: 'secret' },
        })
        .catch(() => {})
      expect(authorization).toBeUndefined()
    })
  })

  it('that two processes pull at once appear whole', async () => {
    const shared = join(folder, 'shared')
    const stores = Array.from(
      { length: 4 },
      () => new ImageStore(shared, { layouts: [layout], trustedRegistries: [] }),
    )
    const found = await Promise.all(stores.map((one) => one.pull('test/plain:1')))
    expect(new Set(found.map((image) => image.digest))).toEqual(new Set([digest]))
  })
})
