import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { archive } from '../oci/tar-testing.ts'
import { stageVolume } from '../volumes/read-testing.ts'
import { fillClaim } from './fill-claim.ts'
import { beginAsImage } from './image-content.ts'
import { readClaim } from './read-claim.ts'
import { STARTER } from './starter.ts'
import { StarterSession } from './starter-session.ts'

const LIMITS = { bytes: 64 * 1024 * 1024, entries: 10_000 }
const OWN = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
const isRoot = OWN.uid === 0

// The starter is a program for the processors that have confidential virtual machines.
describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64' || !isRoot)(
  'a volume of a cluster, by orders to the starter',
  () => {
    let folder: string
    let volume: string
    let children: ChildProcessWithoutNullStreams[]

    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'cloister-claim-'))
      volume = join(folder, 'volume')
      mkdirSync(volume)
      writeFileSync(join(folder, 'start'), STARTER, { mode: 0o755 })
      children = []
    })
    afterEach(() => {
      for (const child of children) child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    })

    const begin = () => {
      const child = spawn(join(folder, 'start'), { stdio: 'pipe' })
      children.push(child)
      const exit = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)))
      const { stdin, stdout } = child
      return new StarterSession({ stdin, stdout, exit, kill: () => child.kill() })
    }
    const stage = (to = 'staged') =>
      stageVolume((options) => readClaim(begin(), volume, 'data', options), join(folder, to))
    const fill = async (into: string, from: string | { staged: string }, limits = LIMITS) => {
      mkdirSync(into, { recursive: true })
      await fillClaim(begin(), into, { volume: 'data', from, owner: OWN, limits })
      return into
    }
    /** All that lies in a folder, as GNU find and sha256sum see it. */
    const seen = (path: string) => {
      const line =
        'find . -printf "%p %y %m %U:%G %n %Ts %l\\n" | sort; find . -type f -print0 | sort -z | xargs -0r sha256sum'
      return execFileSync('sh', ['-c', line], { cwd: path, encoding: 'latin1' })
    }

    it('comes again as it was: kinds, rights, owners, links, times and contents', async () => {
      mkdirSync(join(volume, 'deep/er'), { recursive: true })
      writeFileSync(join(volume, 'deep/er/large'), randomBytes(3_333_333), { mode: 0o640 })
      for (let index = 0; index < 300; index++)
        writeFileSync(join(volume, 'deep', `${index}`), `${index}`.repeat(index))
      writeFileSync(join(volume, 'empty'), '')
      writeFileSync(Buffer.concat([Buffer.from(`${volume}/not utf-8 \n`), Buffer.from([0xff, 0xc3])]), 'odd')
      writeFileSync(join(volume, 'l'.repeat(255)), 'long name')
      linkSync(join(volume, 'deep/er/large'), join(volume, 'hard'))
      symlinkSync('/etc/passwd', join(volume, 'outward'))
      mkdirSync(join(volume, 'group'))
      execFileSync('sh', ['-c', 'chown 7:8 deep/er/large outward -h; chown 9:9 group; chmod 2770 group'], {
        cwd: volume,
      })
      execFileSync('mkfifo', [join(volume, 'pipe')])
      utimesSync(join(volume, 'empty'), 1_600_000_000, 1_600_000_000)
      utimesSync(join(volume, 'deep'), 1_500_000_000, 1_500_000_000)
      await stage()
      const other = await fill(join(folder, 'other'), { staged: join(folder, 'staged') })
      rmSync(join(volume, 'pipe'))
      utimesSync(volume, 1_400_000_000, 1_400_000_000)
      utimesSync(other, 1_400_000_000, 1_400_000_000)
      expect(seen(other)).toBe(seen(volume))
      // Once more, as after a crash: nothing is doubled, and nothing written through a link.
      await fill(other, { staged: join(folder, 'staged') })
      utimesSync(other, 1_400_000_000, 1_400_000_000)
      expect(seen(other)).toBe(seen(volume))
    }, 90_000)

    it('sends only blocks that are not there yet, and reads what changes as it is', async () => {
      writeFileSync(join(volume, 'a'), randomBytes(1_000_000))
      const { bytes } = await stage()
      expect(bytes).toBe(1_000_000)
      appendFileSync(join(volume, 'a'), 'more')
      truncateSync(join(volume, 'a'), 900_000)
      writeFileSync(join(volume, 'b'), 'b')
      expect((await stage()).bytes).toBeLessThan(200_000)
    }, 60_000)

    it('begins with an archive, all of it its user’s, and with nothing outside', async () => {
      const path = join(folder, 'archive.tar')
      const bytes = archive(
        { path: 'a/', type: '5', mode: 0o750 },
        { path: 'a/file', body: 'content', mode: 0o4755 },
        { path: 'away', type: '2', link: '/etc' },
      )
      writeFileSync(path, bytes)
      const into = await fill(join(folder, 'own'), path)
      expect(readFileSync(join(into, 'a/file'), 'utf8')).toBe('content')
      expect(lstatSync(join(into, 'a/file')).mode & 0o7777).toBe(0o755)
      expect(lstatSync(join(into, 'away')).isSymbolicLink()).toBe(true)
      writeFileSync(path, archive({ path: '../out', body: 'x' }))
      await expect(fill(join(folder, 'own2'), path)).rejects.toThrow("can't begin with what was sent")
      writeFileSync(path, archive({ path: 'big', body: 'x'.repeat(5_000) }))
      await expect(fill(join(folder, 'own3'), path, { bytes: 100, entries: 10 })).rejects.toThrow('room')
    }, 60_000)

    it('begins with what an image has at its path, owned as there, and is its user’s where that is nothing', async () => {
      const image = join(folder, 'image')
      mkdirSync(join(image, 'pages/deep'), { recursive: true })
      writeFileSync(join(image, 'pages/deep/large'), randomBytes(2_222_222), { mode: 0o640 })
      for (let index = 0; index < 130; index++)
        writeFileSync(join(image, 'pages', `${index}`), `${index}`.repeat(index))
      symlinkSync('deep/large', join(image, 'pages/inward'))
      linkSync(join(image, 'pages/deep/large'), join(image, 'pages/hard'))
      execFileSync('sh', ['-c', 'chown -R 7:8 pages; chmod 1750 pages; ln -s pages led; mkdir bare theirs'], {
        cwd: image,
      })
      execFileSync('sh', ['-c', 'chown 33:34 theirs; chmod 700 theirs; touch no-folder'], { cwd: image })
      const beginWith = async (path: string, more: { isEmpty?: boolean; limits?: typeof LIMITS } = {}) => {
        const into = mkdtempSync(join(folder, 'into-'))
        chmodSync(into, 0o755)
        const what = {
          volume: 'data',
          path: join(image, path),
          user: '1000:1001',
          isEmpty: false,
          limits: LIMITS,
        }
        await beginAsImage(async () => begin(), into, { ...what, ...more })
        return into
      }
      for (const path of ['pages', 'led']) {
        const into = await beginWith(path)
        expect(seen(into)).toBe(seen(join(image, 'pages')))
      }
      const ownerOf = (path: string) => {
        const { uid, gid, mode } = lstatSync(path)
        return [uid, gid, mode & 0o7777]
      }
      expect(ownerOf(await beginWith('theirs'))).toEqual([33, 34, 0o700])
      for (const path of ['bare', 'missing', 'no-folder'])
        expect(ownerOf(await beginWith(path))).toEqual([1000, 1001, 0o755])
      const empty = await beginWith('pages', { isEmpty: true })
      expect(readdirSync(empty)).toEqual([])
      expect(ownerOf(empty)).toEqual([7, 8, 0o1750])
      for (const limits of [
        { bytes: 2_222_221, entries: 10_000 },
        { bytes: 1e9, entries: 100 },
      ])
        await expect(beginWith('pages', { limits })).rejects.toThrow("than the lease's disk has room for")
    }, 60_000)

    it('says that storage is full, rather than waiting', async () => {
      const path = join(folder, 'archive.tar')
      writeFileSync(path, archive({ path: 'a', body: 'x' }))
      // What is no folder takes no files.
      const file = join(folder, 'no-folder')
      writeFileSync(file, '')
      const filling = fillClaim(begin(), file, { volume: 'data', from: path, owner: OWN, limits: LIMITS })
      await expect(filling).rejects.toThrow('full, or refuses it')
      chmodSync(file, 0o600)
      await expect(
        readClaim(begin(), join(folder, 'missing'), 'data', {
          known: Buffer.alloc(0),
          output: (all) => all.resume(),
        }),
      ).rejects.toMatchObject({ code: 'read-failed' })
    }, 60_000)
  },
)
