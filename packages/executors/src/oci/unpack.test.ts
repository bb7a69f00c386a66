import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
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
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { readTar } from '@cloister/images'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ImageRoot } from './image-root.ts'
import { archive, entry, inPieces, pax, sparseMap } from './tar-testing.ts'
import { unpackLayers } from './unpack.ts'

let folder: string
/** The image's folder, and a victim beside it, which no image may touch. */
let root: string
let outside: string
const LIMITS = { bytes: 64 * 1024 * 1024, entries: 1_000 }

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloister-unpack-'))
  root = join(folder, 'root')
  outside = join(folder, 'outside')
  mkdirSync(root)
  mkdirSync(outside)
  writeFileSync(join(outside, 'victim'), 'VICTIM', { mode: 0o644 })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Applies layers in this process; what a process of its own does is the same. */
async function apply(...layers: Buffer[]): Promise<void> {
  const image = new ImageRoot(root, LIMITS)
  for (const layer of layers) {
    image.beginLayer()
    for await (const one of readTar(inPieces(layer), image.extended)) await image.apply(one)
  }
  image.finish()
}

describe('a hostile image', () => {
  const cases: [string, (outside: string) => Buffer[]][] = [
    ['climbs', () => [archive({ path: '../pwned', body: 'x' })]],
    ['climbs out of a folder', () => [archive({ path: 'a/../../pwned', body: 'x' })]],
    ['names an absolute path', (out) => [archive({ path: `${out}/pwned`, body: 'x' })]],
    [
      'writes through a link',
      (out) => [archive({ path: 'a', type: '2', link: out }, { path: 'a/pwned', body: 'x' })],
    ],
    [
      'writes through a link of the layer below',
      (out) => [archive({ path: 'a', type: '2', link: out }), archive({ path: 'a/pwned', body: 'x' })],
    ],
    [
      'writes through a link that climbs',
      (out) => [
        archive({ path: 'a', type: '2', link: `../../../../../..${out}` }, { path: 'a/b/pwned', body: 'x' }),
      ],
    ],
    [
      'writes through links in a row',
      (out) => [
        archive(
          { path: 'a', type: '2', link: 'b' },
          { path: 'b', type: '2', link: 'c/../d' },
          { path: 'c', type: '5' },
          { path: 'd', type: '2', link: out },
          { path: 'a/pwned', body: 'x' },
        ),
      ],
    ],
    [
      'makes folders through a link',
      (out) => [archive({ path: 'a', type: '2', link: out }, { path: 'a/pwned/deep', type: '5' })],
    ],
    [
      'writes over what a link leads to',
      (out) => [archive({ path: 'f', type: '2', link: `${out}/victim` }, { path: 'f', body: 'OVERWRITTEN' })],
    ],
    [
      'writes over it in a second layer',
      (out) => [
        archive({ path: 'f', type: '2', link: `${out}/victim` }),
        archive({ path: 'f', body: 'OVERWRITTEN' }),
      ],
    ],
    [
      'has a hard link to an absolute path',
      (out) => [archive({ path: 'h', type: '1', link: `${out}/victim` }, { path: 'h', body: 'OVERWRITTEN' })],
    ],
    [
      'has a hard link that climbs',
      (out) => [archive({ path: 'h', type: '1', link: `../../../../../../..${out}/victim` })],
    ],
    [
      'has a hard link through a link',
      (out) => [
        archive(
          { path: 'a', type: '2', link: out },
          { path: 'h', type: '1', link: 'a/victim' },
          { path: 'h', body: 'OVERWRITTEN' },
        ),
      ],
    ],
    [
      'has a hard link to a link to a file',
      (out) => [
        archive(
          { path: 's', type: '2', link: `${out}/victim` },
          { path: 'h', type: '1', link: 's' },
          { path: 'h', body: 'OVERWRITTEN' },
        ),
      ],
    ],
    [
      'has a hard link to a link to a folder',
      (out) => [
        archive(
          { path: 's', type: '2', link: out },
          { path: 'h', type: '1', link: 's' },
          { path: 'h/pwned', body: 'x' },
        ),
      ],
    ],
    [
      'turns a folder into a link',
      (out) => [
        archive(
          { path: 'd', type: '5' },
          { path: 'd', type: '2', link: out },
          { path: 'd/pwned', body: 'x' },
        ),
      ],
    ],
    [
      'turns a filled folder into a link and back',
      (out) => [
        archive(
          { path: 'd/x', body: 'x' },
          { path: 'd', type: '2', link: out },
          { path: 'd/pwned', body: 'x' },
          { path: 'd', type: '5' },
          { path: 'd/pwned', body: 'x' },
        ),
      ],
    ],
    [
      'whites out through a link',
      (out) => [archive({ path: 'd', type: '2', link: out }), archive({ path: 'd/.wh.victim' })],
    ],
    [
      'makes a folder opaque through a link',
      (out) => [archive({ path: 'd', type: '2', link: out }), archive({ path: 'd/.wh..wh..opq' })],
    ],
    [
      'whites out what climbs',
      (out) => [
        archive({ path: 'd', type: '2', link: out }),
        archive({ path: 'e/../d/.wh.victim' }, { path: `../outside/.wh.victim` }),
      ],
    ],
    [
      'whites out the folder above',
      () => [archive({ path: 'd/k', body: 'x' }), archive({ path: 'd/.wh...' })],
    ],
    [
      'whites out itself',
      () => [archive({ path: 'd/k', body: 'x' }), archive({ path: '.wh..' }, { path: '.wh.' })],
    ],
    ['has a long path that climbs', () => [archive(pax({ path: '../pwned' }), { path: 'ok', body: 'x' })]],
    [
      'has a long link',
      (out) => [
        archive(pax({ linkpath: out }), { path: 'l', type: '2', link: 'x' }, { path: 'l/pwned', body: 'x' }),
      ],
    ],
    [
      'has a long hard link',
      (out) => [
        archive(pax({ linkpath: `../../../../..${out}/victim` }), { path: 'l', type: '1', link: 'x' }),
      ],
    ],
    [
      'changes rights through a link',
      (out) => [
        archive(
          { path: 's', type: '2', link: `${out}/victim`, mode: 0o777, uid: 777 },
          { path: 't', type: '2', link: out, mode: 0o700, uid: 777 },
        ),
      ],
    ],
    [
      'gives a link for a folder rights',
      (out) => [
        archive({ path: 'd', type: '2', link: out }),
        archive({ path: 'd', type: '5', mode: 0o700, uid: 777 }),
      ],
    ],
    [
      'goes round in circles',
      () => [
        archive(
          { path: 'a', type: '2', link: 'b' },
          { path: 'b', type: '2', link: 'a' },
          { path: 'a/x', body: 'x' },
        ),
      ],
    ],
    ['has a zero byte in a path', () => [archive(pax({ path: 'a\0/../pwned' }), { path: 'ok', body: 'x' })]],
    ['states a negative length', () => [archive({ path: 'neg', size: Buffer.alloc(12, 0xff) })]],
    ['states more than there is', () => [archive({ path: 'huge', size: Buffer.from('77777777777\0') })]],
    ['has names too long for a file system', () => [archive(pax({ path: 'x'.repeat(300) }), { path: 'ok' })]],
    [
      'has a path too long for a kernel',
      () => [archive(pax({ path: Array(30).fill('y'.repeat(200)).join('/') }), { path: 'ok' })],
    ],
    [
      'grows a path too long through links',
      () => [
        archive(
          ...Array.from({ length: 6 }, (_, index) =>
            Buffer.concat([
              pax({ path: `${index === 0 ? '' : 'l/'}${'d/'.repeat(400)}x` }),
              entry({ path: 'ok', type: '5' }),
              pax({ linkpath: `${index === 0 ? '' : 'l/'}${'d/'.repeat(400)}` }),
              entry({ path: 'l', type: '2' }),
            ]),
          ),
        ),
      ],
    ],
    ['is cut short', () => [archive({ path: 't', body: 'x'.repeat(5_000) }).subarray(0, 2_000)]],
    ['is no archive', () => [randomBytes(20_000)]],
    ['has an entry of no known kind', () => [archive({ path: 'z', type: 'Z' })]],
    [
      'has more entries than it may',
      () => [archive(...Array.from({ length: 1_100 }, (_, index) => ({ path: `f${index}` })))],
    ],
    [
      'has more folders than it may, none of them listed',
      () => [
        archive(
          ...Array.from({ length: 20 }, (_, index) => ({
            path: `d${index}/${'e/'.repeat(45)}`,
            type: '5' as const,
          })),
        ),
      ],
    ],
  ]

  it.each(cases)('that %s changes nothing outside its folder', async (_, layers) => {
    const victim = join(outside, 'victim')
    const before = statSync(victim)
    const folderBefore = statSync(outside)
    await apply(...layers(outside)).catch(() => {})
    expect(readdirSync(folder).sort()).toEqual(['outside', 'root'])
    expect(readdirSync(outside)).toEqual(['victim'])
    expect(readFileSync(victim, 'utf8')).toBe('VICTIM')
    const { nlink, mode, uid, ino } = statSync(victim)
    expect({ nlink, mode, uid, ino }).toEqual({
      nlink: 1,
      mode: before.mode,
      uid: before.uid,
      ino: before.ino,
    })
    expect(statSync(outside).mode).toBe(folderBefore.mode)
    for (const path of readdirSync(root, { recursive: true })) {
      const stat = lstatSync(join(root, String(path)))
      expect(stat.isFile() || stat.isDirectory() || stat.isSymbolicLink()).toBe(true)
    }
  })

  it.each([
    ['a length that is negative', archive({ path: 'neg', size: Buffer.alloc(12, 0xff) }), /negative/],
    ['a path that leads out', archive({ path: '../x' }), /leads out/],
    ['a hard link to nothing', archive({ path: 'h', type: '1', link: 'nothing' }), /leads to no file/],
    [
      'a hard link to itself',
      archive({ path: 'h', body: 'x' }, { path: 'h', type: '1', link: 'h' }),
      /leads to no file/,
    ],
    [
      'too many entries',
      archive(...Array.from({ length: 1_100 }, (_, index) => ({ path: `f${index}` }))),
      /too much/,
    ],
    [
      'extended headers without end',
      archive(...Array.from({ length: 17 }, () => pax({ path: 'x' })), { path: 'f' }),
      /too many extended headers/,
    ],
    [
      'a sparse map that never comes to its end',
      archive(sparseMap(`65536\n${'0'.repeat(4_000_000)}`)),
      /cut short|malformed/,
    ],
    ['a sparse map without end', archive(sparseMap(' '.repeat(5 * 1024 * 1024))), /cut short/],
    ['no end', archive({ path: 't', body: 'x'.repeat(5_000) }).subarray(0, 2_000), /cut short/],
  ])('with %s is refused with the reason', (_, layer, reason) => expect(apply(layer)).rejects.toThrow(reason))

  it('counts as much as its extended headers take, of all entries together', async () => {
    const image = new ImageRoot(root, { bytes: 1024 * 1024, entries: 100 })
    const headers = Array.from({ length: 6 }, (_, index) => [
      { path: 'g', type: 'g' as const, body: 'x'.repeat(200_000) },
      { path: `f${index}` },
    ])
    const applying = async () => {
      for await (const one of readTar(inPieces(archive(...headers.flat())), image.extended))
        await image.apply(one)
    }
    await expect(applying()).rejects.toThrow(/too much/)
    expect(readdirSync(root)).toEqual(['f0', 'f1', 'f2', 'f3', 'f4'])
  })

  it('that makes a folder opaque again and again has it read once a layer', async () => {
    const image = new ImageRoot(root, LIMITS)
    const hide = async (path: string) => {
      for await (const one of readTar(inPieces(archive({ path })))) await image.apply(one)
    }
    mkdirSync(join(root, 'd'))
    const probe = join(root, 'd/probe')
    for (const marker of ['d/.wh..wh..opq', 'd/.wh.probe']) {
      image.beginLayer()
      writeFileSync(probe, '')
      await hide(marker)
      expect(existsSync(probe)).toBe(false)
      // Nobody else writes there while an image is unpacked: the file shows whether the folder is looked at
      // again.
      writeFileSync(probe, '')
      await hide(marker)
      await hide(`./e/../${marker}`)
      expect(existsSync(probe)).toBe(true)
    }
  })

  it('that takes too long to unpack is given up, and its process ended', async () => {
    const order = { folder: join(folder, 'image'), layers: [], limits: LIMITS }
    const unpacking = unpackLayers(order, {
      progress: () => {},
      charged: () => ['sleep', '600'],
      timeoutMs: 50,
    })
    await expect(unpacking).rejects.toMatchObject({
      code: 'image-unavailable',
      message: expect.stringContaining('takes too long'),
    })
  })

  it('whose process hangs is unpacked once more, and given up where that hangs, too', async () => {
    writeFileSync(join(folder, 'layer'), archive({ path: 'file', body: 'x' }))
    const order = { folder: join(folder, 'image'), layers: [join(folder, 'layer')], limits: LIMITS }
    const unpack = (hangs: number) => {
      let begun = 0
      return unpackLayers(order, {
        progress: () => {},
        // What the one before had written is not in the way.
        charged: (command) =>
          begun++ < hangs ? ['sh', '-c', `mkdir -p ${order.folder}/half; exec sleep 600`] : command,
        stillMs: 1_000,
      })
    }
    await unpack(1)
    expect(readdirSync(order.folder)).toEqual(['file'])
    await expect(unpack(2)).rejects.toMatchObject({
      code: 'image-unavailable',
      message: expect.stringContaining('hangs'),
    })
  })

  it('that is a bomb ends at the limit, and says so without a path of this machine', async () => {
    const bomb = gzipSync(archive({ path: 'zeros', body: Buffer.alloc(8 * 1024 * 1024) }))
    expect(bomb.length).toBeLessThan(20_000)
    writeFileSync(join(folder, 'layer'), bomb)
    const order = {
      folder: join(folder, 'image'),
      layers: [join(folder, 'layer')],
      limits: { bytes: 1024 * 1024, entries: 10 },
    }
    const error = await unpackLayers(order, { progress: () => {} }).catch((caught) => caught)
    expect(error).toMatchObject({
      code: 'image-unavailable',
      message: "The image can't be had: it unpacks to too much.",
    })
  })
})

describe('an image', () => {
  it('keeps the targets of its links byte by byte', async () => {
    const links = {
      'lib64/ld.so': '/lib/x86_64-linux-gnu/ld.so',
      'etc/alternatives/awk': '/usr/bin/mawk',
      'var/log/access.log': '/dev/stdout',
      'var/run': '/run',
      'usr/lib/through': '../../lib/y',
      climbs: '../../../../outside',
      dangling: 'nothing/here',
      dots: 'a/./b//c/..',
    }
    await apply(archive(...Object.entries(links).map(([path, link]) => ({ path, type: '2' as const, link }))))
    for (const [path, link] of Object.entries(links)) expect(readlinkSync(join(root, path))).toBe(link)
  })

  it('is written through its own links inside itself, as a process confined to it would', async () => {
    await apply(
      archive(
        { path: 'usr/bin/', type: '5' },
        { path: 'bin', type: '2', link: 'usr/bin' },
        { path: 'opt', type: '2', link: '/srv/opt' },
      ),
      archive(
        { path: 'bin/sh', body: 'shell' },
        { path: 'opt/app', body: 'app' },
        { path: 'sh', type: '1', link: '/bin/sh' },
      ),
    )
    expect(readFileSync(join(root, 'usr/bin/sh'), 'utf8')).toBe('shell')
    expect(readlinkSync(join(root, 'bin'))).toBe('usr/bin')
    expect(readFileSync(join(root, 'srv/opt/app'), 'utf8')).toBe('app')
    expect(statSync(join(root, 'sh')).ino).toBe(statSync(join(root, 'usr/bin/sh')).ino)
  })

  it('loses what whiteouts and opaque folders hide, and keeps what the same layer brings', async () => {
    await apply(
      archive(
        { path: 'a/old', body: '1' },
        { path: 'a/kept', body: '1' },
        { path: 'b/old/deep', body: '1' },
        { path: 'c/x', body: '1' },
        { path: 'l', type: '2', link: '/b' },
      ),
      // The new files come before what hides the old ones in one case and after it in the other.
      archive(
        { path: 'a/.wh.old' },
        { path: 'b/new', body: '2' },
        { path: 'b/old/new', body: '2' },
        { path: 'l/.wh..wh..opq' },
        { path: '.wh.c' },
        { path: 'c/y', body: '2' },
      ),
    )
    const left = readdirSync(root, { recursive: true }).map(String).sort()
    expect(left).toEqual(['a', 'a/kept', 'b', 'b/new', 'b/old', 'b/old/new', 'c', 'c/y', 'l'])
  })

  it('has its last entry where it names one twice, and one file under the names of hard links', async () => {
    await apply(
      archive(
        { path: 'f', body: 'first' },
        { path: 'g', type: '1', link: 'f' },
        { path: 'f', body: 'second' },
        { path: 'd/x', body: '1' },
        { path: 'd', body: 'file' },
        { path: 'f2', body: '1' },
        { path: 'f2', type: '5' },
      ),
    )
    expect(readFileSync(join(root, 'f'), 'utf8')).toBe('second')
    expect(readFileSync(join(root, 'g'), 'utf8')).toBe('first')
    expect(readFileSync(join(root, 'd'), 'utf8')).toBe('file')
    expect(lstatSync(join(root, 'f2')).isDirectory()).toBe(true)
  })

  it('keeps rights, times and names that are no UTF-8, and has no devices', async () => {
    const odd = Buffer.from([0x62, 0xff, 0x0a, 0x5c])
    await apply(
      archive(
        { path: 'su', body: 'x', mode: 0o6755 },
        { path: odd, body: 'odd' },
        { path: 'd/', type: '5', mode: 0o1777 },
        { path: 'd/f', body: 'x', mode: 0o400 },
        { path: 'dev/mem', type: '3' },
        { path: 'fifo', type: '6' },
      ),
    )
    expect(statSync(join(root, 'su')).mode & 0o7777).toBe(0o6755)
    expect(statSync(join(root, 'd')).mode & 0o7777).toBe(0o1777)
    expect(statSync(join(root, 'd')).mtimeMs).toBe(1_700_000_000_000)
    expect(statSync(join(root, 'd/f')).mtimeMs).toBe(1_700_000_000_000)
    expect(readdirSync(root, { encoding: 'buffer' }).some((name) => name.equals(odd))).toBe(true)
    expect(readdirSync(root)).not.toContain('dev')
    expect(readdirSync(root)).not.toContain('fifo')
  })

  it.skipIf(process.getuid?.() !== 0)('keeps owners', async () => {
    await apply(
      archive(
        pax({ uid: '70000' }),
        { path: 'f', body: 'x', mode: 0o4755 },
        { path: 'l', type: '2', link: 'f', uid: 33 },
      ),
    )
    expect(statSync(join(root, 'f'))).toMatchObject({ uid: 70_000, mode: 0o104755 })
    expect(lstatSync(join(root, 'l')).uid).toBe(33)
  })

  // Archives of every format that GNU tar writes, read here and by GNU tar itself.
  it.each(['ustar', 'oldgnu', 'gnu', 'pax', 'v7'])(
    'packed by GNU tar as %s becomes what GNU tar makes of it',
    async (format) => {
      const from = join(folder, 'from')
      const theirs = join(folder, 'theirs')
      for (const path of [from, theirs, join(from, 'sub/deep')]) mkdirSync(path, { recursive: true })
      writeFileSync(join(from, 'plain'), randomBytes(70_001))
      writeFileSync(join(from, 'empty'), '', { mode: 0o600 })
      writeFileSync(join(from, 'sub/deep/ünïcode'), 'x')
      chmodSync(join(from, 'sub/deep'), 0o2750)
      execFileSync('ln', ['-s', '/etc/../x', join(from, 'link')])
      execFileSync('ln', [join(from, 'plain'), join(from, 'sub/hard')])
      const holes = format === 'pax' || format.includes('gnu')
      if (holes) {
        writeFileSync(join(from, `long-${'n'.repeat(180)}`), 'long')
        execFileSync('ln', ['-s', `/${'t'.repeat(200)}`, join(from, 'long-link')])
        // Holes, in enough pieces that the header alone can't hold their map.
        execFileSync('sh', [
          '-c',
          'for at in 0 3 7 11 15 19 23 27 31; do printf piece | dd of="$1" bs=64k seek=$at conv=notrunc status=none; done; truncate -s 3M "$1"',
          'sh',
          join(from, 'holes'),
        ])
      }
      const layer = join(folder, 'layer.tar')
      execFileSync('tar', [
        '-c',
        ...(holes ? ['-S'] : []),
        `--format=${format}`,
        '-C',
        from,
        '-f',
        layer,
        '.',
      ])
      execFileSync('tar', ['-x', '-p', '-C', theirs, '-f', layer])
      await unpackLayers(
        { folder: join(folder, 'ours'), layers: [layer], limits: LIMITS },
        { progress: () => {} },
      )
      expect(listing(join(folder, 'ours'))).toEqual(listing(theirs))
    },
  )

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('packed with %s is unpacked, whatever its description says', async (_, pack) => {
    writeFileSync(join(folder, 'layer'), pack(archive({ path: 'f', body: 'content' })))
    const said: number[] = []
    await unpackLayers(
      { folder: join(folder, 'image'), layers: [join(folder, 'layer')], limits: LIMITS },
      { progress: (bytes) => said.push(bytes) },
    )
    expect(readFileSync(join(folder, 'image/f'), 'utf8')).toBe('content')
    expect(said.at(-1)).toBe(statSync(join(folder, 'layer')).size)
  })
})

/** Everything below a folder that an image is made of. */
function listing(path: string) {
  return readdirSync(path, { recursive: true })
    .map(String)
    .sort()
    .map((name) => {
      const full = join(path, name)
      const { mode, uid, gid, size, mtimeMs, nlink } = lstatSync(full)
      const content =
        (mode & 0o170000) === 0o100000
          ? readFileSync(full).toString('base64')
          : (mode & 0o170000) === 0o120000
            ? readlinkSync(full)
            : ''
      const isFile = (mode & 0o170000) === 0o100000
      return {
        name,
        mode,
        uid,
        gid,
        ...(isFile && { size, nlink }),
        seconds: Math.floor(mtimeMs / 1000),
        content,
      }
    })
}
