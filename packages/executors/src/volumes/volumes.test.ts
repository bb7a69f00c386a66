import { execFileSync } from 'node:child_process'
import {
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { archive, type Entry, inPieces, pax, sparseMap } from '../oci/tar-testing.ts'
import { fillVolume, volumeLimits } from './fill.ts'
import { readVolume } from './volume-archive.ts'
import { writeVolume } from './volume-folder.ts'
import { writeTar } from './volume-tar.ts'

const LIMITS = { bytes: 64 * 1024 * 1024, entries: 1_000 }
const isRoot = process.getuid?.() === 0

let folder: string
let volume: string
let outside: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloister-volume-'))
  volume = join(folder, 'volume')
  outside = join(folder, 'outside')
  mkdirSync(volume)
  mkdirSync(outside)
  writeFileSync(join(outside, 'victim'), 'VICTIM')
})
afterEach(() => {
  // What the archive says of rights holds for us, too.
  execFileSync('chmod', ['-R', 'u+rwX', folder])
  return rm(folder, { recursive: true, force: true })
})

const write = (bytes: Buffer, limits = LIMITS) =>
  writeVolume(volume, readVolume(inPieces(bytes), limits), undefined)

/** The volume as GNU tar makes it of what we would hand to an engine. */
async function viaTar(bytes: Buffer): Promise<void> {
  const parts: Buffer[] = []
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  for await (const part of writeTar(readVolume(inPieces(bytes), LIMITS), owner, 'volume')) parts.push(part)
  execFileSync('tar', ['-xpf', '-', '-C', folder], { input: Buffer.concat(parts) })
}

const WAYS: [string, (bytes: Buffer) => Promise<void>][] = [
  ['into a folder', write],
  ['into an archive of our own', viaTar],
]

describe.each(WAYS)('a volume’s archive, %s', (_, begin) => {
  const modeOf = (path: string) => (lstatSync(join(volume, path)).mode & 0o7777).toString(8)

  it('keeps folders, files, links and their rights, but for set-user-id and set-group-id', async () => {
    await begin(
      archive(
        { path: './', type: '5', mode: 0o2750 },
        { path: './empty/', type: '5', mode: 0o1777 },
        { path: 'a/b/file', body: 'content', mode: 0o6640, uid: 4_242 },
        { path: 'a/b', type: '5', mode: 0o700 },
        // What the link says of rights counts for nothing: they are the file's.
        { path: 'hard', type: '1', link: './a/b/file', mode: 0o777 },
        { path: 'link', type: '2', link: '../../outside' },
        { path: 'closed/inside', body: 'x' },
        { path: 'closed', type: '5', mode: 0o500 },
      ),
    )
    expect(readFileSync(join(volume, 'a/b/file'), 'utf8')).toBe('content')
    expect(statSync(join(volume, 'hard')).ino).toBe(statSync(join(volume, 'a/b/file')).ino)
    expect(readlinkSync(join(volume, 'link'))).toBe('../../outside')
    expect(readdirSync(join(volume, 'empty'))).toEqual([])
    expect(['', 'empty', 'a', 'a/b', 'a/b/file', 'closed'].map(modeOf)).toEqual([
      '750',
      '1777',
      '755',
      '700',
      '640',
      '500',
    ])
    expect(statSync(join(volume, 'a/b/file')).mtimeMs).toBe(1_700_000_000_000)
    expect(statSync(join(volume, 'a/b/file')).uid).toBe(process.getuid?.())
  })

  it('keeps names with spaces, line feeds, of any language and of no encoding, however long', async () => {
    const long = `${'läng/'.repeat(40)}${'x'.repeat(200)}`
    const names = ['with space', 'two\nlines', 'läuft 走る', '.wh.plain', '-rf', long]
    const bytes = archive(
      ...names.flatMap((path) => [pax({ path }), { path: 'short', body: path }]),
      { path: Buffer.from([0x66, 0xff, 0xfe]), body: 'raw' },
      pax({ linkpath: `${'up/'.repeat(60)}there` }),
      { path: 'far', type: '2' },
    )
    await begin(bytes)
    for (const name of names) expect(readFileSync(join(volume, name), 'utf8')).toBe(name)
    const raw = Buffer.concat([Buffer.from(`${volume}/`), Buffer.from([0x66, 0xff, 0xfe])])
    expect(readFileSync(raw, 'utf8')).toBe('raw')
    expect(readlinkSync(join(volume, 'far'))).toBe(`${'up/'.repeat(60)}there`)
  })

  it('leaves devices and fifos out', async () => {
    await begin(
      archive(
        { path: 'disk', type: '4' },
        { path: 'tty', type: '3' },
        { path: 'pipe', type: '6' },
        { path: 'file', body: 'x' },
      ),
    )
    expect(readdirSync(volume)).toEqual(['file'])
  })

  it('has sparse files as long as they are', async () => {
    const sparse = pax({
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': 'sparse',
      'GNU.sparse.realsize': '300000',
    })
    const map = Buffer.alloc(512)
    map.write('2\n1000\n3\n200000\n4\n')
    await begin(archive(sparse, { path: 'x', body: Buffer.concat([map, Buffer.from('onetwo!')]) }))
    const found = readFileSync(join(volume, 'sparse'))
    expect(found.length).toBe(300_000)
    expect(found.toString('latin1', 1_000, 1_003)).toBe('one')
    expect(found.toString('latin1', 200_000, 200_004)).toBe('two!')
    expect(found.filter((byte) => byte !== 0).length).toBe(7)
  })

  it('may be empty', async () => {
    await begin(archive())
    expect(readdirSync(volume)).toEqual([])
  })
})

describe('a hostile archive', () => {
  const cases: [string, (outside: string) => (Entry | Buffer)[], RegExp][] = [
    ['climbs', () => [{ path: '../pwned', body: 'x' }], /climbs/],
    ['climbs within itself', () => [{ path: 'a/../b', body: 'x' }], /climbs/],
    ['climbs where it names a device', () => [{ path: '../pwned', type: '4' }], /climbs/],
    ['names an absolute path', (out) => [{ path: `${out}/pwned`, body: 'x' }], /absolute/],
    ['names a path with a zero byte', () => [pax({ path: 'a\0b' }), { path: 'x', body: 'x' }], /zero byte/],
    ['has a name that is too long', () => [pax({ path: 'x'.repeat(256) }), { path: 'x' }], /too long/],
    ['has a path that is too long', () => [pax({ path: 'x/'.repeat(2_000) }), { path: 'x' }], /too long/],
    [
      'writes through a link',
      (out) => [
        { path: 'a', type: '2', link: out },
        { path: 'a/pwned', body: 'x' },
      ],
      /goes through a link/,
    ],
    [
      'writes through a link that stays inside',
      () => [
        { path: 'b', type: '5' },
        { path: 'a', type: '2', link: 'b' },
        { path: 'a/x', body: 'x' },
      ],
      /goes through a link/,
    ],
    [
      'makes a folder of a link',
      (out) => [
        { path: 'a', type: '2', link: out },
        { path: 'a', type: '5' },
        { path: 'a/pwned', body: 'x' },
      ],
      /twice/,
    ],
    [
      'makes a link of a folder',
      (out) => [
        { path: 'd', type: '5' },
        { path: 'd', type: '2', link: out },
        { path: 'd/pwned', body: 'x' },
      ],
      /twice/,
    ],
    [
      'writes over a link',
      (out) => [
        { path: 'f', type: '2', link: `${out}/victim` },
        { path: 'f', body: 'OVERWRITTEN' },
      ],
      /twice/,
    ],
    [
      'goes through a file',
      () => [
        { path: 'f', body: 'x' },
        { path: 'f/x', body: 'x' },
      ],
      /goes through a file/,
    ],
    [
      'links hard to an absolute path',
      (out) => [{ path: 'h', type: '1', link: `${out}/victim` }],
      /absolute/,
    ],
    ['links hard upwards', () => [{ path: 'h', type: '1', link: '../outside/victim' }], /climbs/],
    [
      'links hard through a link',
      (out) => [
        { path: 'a', type: '2', link: out },
        { path: 'h', type: '1', link: 'a/victim' },
      ],
      /leads to no file/,
    ],
    [
      'links hard to a link',
      (out) => [
        { path: 's', type: '2', link: `${out}/victim` },
        { path: 'h', type: '1', link: 's' },
      ],
      /leads to no file/,
    ],
    ['links hard to what comes later', () => [{ path: 'h', type: '1', link: 'f' }, { path: 'f' }], /no file/],
    ['links to nothing', () => [{ path: 's', type: '2' }], /impossible target/],
    ['is of an unknown kind', () => [{ path: 'z', type: 'Z' }], /unknown kind/],
    ['has a map of a sparse file without end', () => [sparseMap('9'.repeat(20))], /sparse|malformed/],
    ['is no archive', () => [Buffer.from('something else'.repeat(100))], /no tar archive/],
  ]

  it.each(cases)('that %s is refused, and touches nothing outside', async (_, make, why) => {
    await expect(write(archive(...make(outside)))).rejects.toThrow(why)
    expect(readdirSync(outside)).toEqual(['victim'])
    expect(readFileSync(join(outside, 'victim'), 'utf8')).toBe('VICTIM')
    expect(readdirSync(folder).sort()).toEqual(['outside', 'volume'])
  })

  it('holds no more bytes and entries than there is room for, folders on the way included', async () => {
    const zeros = Buffer.alloc(11)
    Buffer.from('77777777777').copy(zeros)
    await expect(write(archive({ path: 'f', size: zeros }))).rejects.toThrow(/room/)
    await expect(
      write(archive({ path: 'f', body: 'x'.repeat(100) }), { bytes: 50, entries: 9 }),
    ).rejects.toThrow(/room/)
    await expect(
      write(archive({ path: 'a/b/c/d/e/f', body: 'x' }), { bytes: 1_000, entries: 5 }),
    ).rejects.toThrow(/room/)
  })
})

describe('filling a volume', () => {
  const from = (...entries: (Entry | Buffer)[]) => {
    const path = join(folder, 'archive.tar')
    writeFileSync(path, archive(...entries))
    return path
  }

  it('goes on in a process of its own, and says why it failed', async () => {
    const into = { folder: volume, owner: undefined }
    await fillVolume('data', { from: from({ path: 'f', body: 'x' }), limits: LIMITS, into })
    expect(readFileSync(join(volume, 'f'), 'utf8')).toBe('x')
    const climbing = from({ path: '../x', body: 'x' })
    await expect(
      fillVolume('data.sent-0123456789ab', { from: climbing, limits: LIMITS, into }),
    ).rejects.toMatchObject({
      code: 'start-failed',
      message: 'The volume data can\'t begin with what was sent: the path "../x" in it climbs.',
    })
    const missing = { from: join(folder, 'nothing'), limits: LIMITS, into }
    await expect(fillVolume('data', missing)).rejects.toThrow(/is not here any more/)
  })

  it.runIf(isRoot)('gives all of it, links and the folder too, to its owner', async () => {
    const owner = { uid: 1_234, gid: 4_321 }
    const archive = from(
      { path: 'a/f', body: 'x', uid: 7 },
      { path: 'a/s', type: '2', link: join(outside, 'victim') },
    )
    await fillVolume('data', { from: archive, limits: LIMITS, into: { folder: volume, owner } })
    for (const path of ['', 'a', 'a/f', 'a/s']) {
      const { uid, gid } = lstatSync(join(volume, path))
      expect({ path, uid, gid }).toEqual({ path, ...owner })
    }
    expect(statSync(join(outside, 'victim')).uid).toBe(0)
  })

  it('writes an archive of its own to us', async () => {
    const owner = { uid: 3_000_000, gid: 9 }
    const order = { from: from({ path: 'f', body: 'x' }), limits: LIMITS, into: { prefix: '.', owner } }
    const chunks: Buffer[] = []
    await fillVolume('data', order, {
      output: (bytes: Readable) => bytes.on('data', (chunk) => chunks.push(chunk)),
    })
    const listed = execFileSync('tar', ['-tvf', '-', '--numeric-owner'], { input: Buffer.concat(chunks) })
    expect(String(listed)).toMatch(/^drwxr-xr-x 3000000\/9 +0 .* \.\/\n-rwxr-xr-x 3000000\/9 +1 .* \.\/f\n$/)
  })

  it('of 10,000 files takes little more than writing them', async () => {
    const source = join(folder, 'source')
    for (let part = 0; part < 100; part++) {
      mkdirSync(join(source, String(part)), { recursive: true })
      for (let file = 0; file < 100; file++) writeFileSync(join(source, `${part}/${file}`), `${part} ${file}`)
    }
    execFileSync('tar', ['-cf', join(folder, 'many.tar'), '-C', source, '.'])
    const limits = volumeLimits(128, 0)
    await fillVolume('data', {
      from: join(folder, 'many.tar'),
      limits,
      into: { folder: volume, owner: undefined },
    })
    for (const path of ['0/0', '57/93', '99/99'])
      expect(readFileSync(join(volume, path), 'utf8')).toBe(path.replace('/', ' '))
    expect(readdirSync(volume, { recursive: true }).length).toBe(10_100)
    // A lease with less disk has no room for so many.
    await expect(
      fillVolume('data', {
        from: join(folder, 'many.tar'),
        limits: volumeLimits(16, 0),
        into: { folder: join(folder, 'other'), owner: undefined },
      }),
    ).rejects.toThrow()
    expect(existsSync(join(folder, 'other'))).toBe(false)
  })

  it('reads an archive no faster than it is taken', async () => {
    const big = join(folder, 'big.tar')
    writeFileSync(big, archive({ path: 'big', body: Buffer.alloc(32 * 1024 * 1024, 1) }))
    const entries = readVolume(createReadStream(big), LIMITS)
    let length = 0
    for await (const { content } of entries) for await (const chunk of content()) length += chunk.length
    expect(length).toBe(32 * 1024 * 1024)
  })
})
