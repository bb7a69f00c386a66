import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Parser } from 'tar'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Permissions } from '../permissions.ts'
import { packTree } from './archive.ts'
import { grantFolder } from './folders.ts'
import { readTree } from './tree.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cloister-folder-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(path: string, text = path, mode = 0o644) {
  mkdirSync(join(root, path, '..'), { recursive: true })
  writeFileSync(join(root, path), text)
  chmodSync(join(root, path), mode)
}

const paths = (exclude: string[] = []) => readTree(root, 'data', exclude).entries.map(({ path }) => path)

async function bytesOf(content: AsyncIterable<Uint8Array>) {
  const parts: Uint8Array[] = []
  for await (const part of content) parts.push(part)
  return Buffer.concat(parts)
}

/** What a reader of tar files finds in an archive. */
async function unpack(archive: Buffer) {
  const found: { path: string; type: string; mode: number; text: string; link: string; owner: unknown[] }[] =
    []
  const parser = new Parser({
    onReadEntry: (entry) => {
      const parts: Buffer[] = []
      entry.on('data', (part: Buffer) => parts.push(part))
      entry.on('end', () =>
        found.push({
          path: entry.path,
          type: entry.type,
          mode: entry.mode ?? 0,
          text: Buffer.concat(parts).toString(),
          link: entry.linkpath ?? '',
          owner: [entry.uid, entry.gid, entry.mtime?.getTime()],
        }),
      )
    },
  })
  await new Promise((resolve, reject) => {
    parser.on('end', resolve).on('error', reject)
    Readable.from([archive]).pipe(parser as unknown as NodeJS.WritableStream)
  })
  return found
}

describe('a folder', () => {
  it('is taken along but for what its list and the mount leave out, later patterns first', () => {
    for (const path of ['a.txt', 'b.log', 'keep.log', 'sub/c.log', 'sub/d.txt', 'node_modules/x/y', 'tmp/z'])
      write(path)
    write('.cloisterignore', '*.log\n!keep.log\nnode_modules/\n')
    expect(paths(['/tmp'])).toEqual(['a.txt', 'keep.log', 'sub', 'sub/d.txt'])
    expect(paths(['!b.log', 'sub'])).toEqual(['a.txt', 'b.log', 'keep.log', 'tmp', 'tmp/z'])
  })

  it('is taken without .git unless that is asked for, and without sockets', async () => {
    write('.git/config')
    write('a/.git/config')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(join(root, 'db.sock'), resolve))
    expect(readTree(root, 'data', []).leftOut.sort()).toEqual(['.git', 'a/.git', 'db.sock'])
    expect(readTree(root, 'data', ['.git', '*.sock']).leftOut).toEqual([])
    expect(paths(['!.git'])).toContain('a/.git/config')
    await new Promise((resolve) => server.close(resolve))
  })

  it('keeps links, and says which lead out of it', () => {
    write('a/b')
    symlinkSync('a/b', join(root, 'in'))
    symlinkSync('../in', join(root, 'a', 'up'))
    expect(readTree(root, 'data', []).entries.filter(({ kind }) => kind === 'link')).toMatchObject([
      { path: 'a/up', target: '../in' },
      { path: 'in', target: 'a/b' },
    ])
    expect(readTree(root, 'data', []).stray).toEqual([])
    for (const target of ['../x', '/etc/passwd', 'a/../../x']) {
      symlinkSync(target, join(root, 'out'))
      const { entries, stray } = readTree(root, 'data', [])
      expect(stray).toEqual(['out'])
      expect(entries.find(({ path }) => path === 'out')).toMatchObject({ kind: 'link', target, bytes: 0 })
      expect(readTree(root, 'data', ['out']).stray).toEqual([])
      rmSync(join(root, 'out'))
    }
  })

  it('is refused where it is nested without end', () => {
    mkdirSync(join(root, ...Array.from({ length: 70 }, () => 'd')), { recursive: true })
    expect(() => paths()).toThrow(/nested deeper than 64 folders/)
  })
})

describe('its archive', () => {
  it('is the same for the same content, and has rights but neither times nor owners', async () => {
    const long = `${'long'.repeat(30)}/${'ü'.repeat(60)}.txt`
    write('run.sh', '#!/bin/sh', 0o4755)
    write('empty', '')
    write(long, 'x'.repeat(3000), 0o600)
    mkdirSync(join(root, 'hollow'))
    symlinkSync('run.sh', join(root, 'link'))
    const first = await bytesOf(packTree(root, readTree(root, 'data', [])))
    utimesSync(join(root, 'run.sh'), 1, 1)
    expect(await bytesOf(packTree(root, readTree(root, 'data', [])))).toEqual(first)
    const found = await unpack(first)
    expect(found.map(({ path, type, mode, link }) => [path, type, mode.toString(8), link])).toEqual([
      ['empty', 'File', '644', ''],
      ['hollow/', 'Directory', '755', ''],
      ['link', 'SymbolicLink', '777', 'run.sh'],
      [`${'long'.repeat(30)}/`, 'Directory', '755', ''],
      [long, 'File', '600', ''],
      ['run.sh', 'File', '755', ''],
    ])
    expect(found.find(({ path }) => path === long)?.text).toBe('x'.repeat(3000))
    expect(found.every(({ owner }) => JSON.stringify(owner) === '[0,0,0]')).toBe(true)
    expect(first.length % 512).toBe(0)
  })

  it('can be read from anywhere, again and again, and leaves no file behind', async () => {
    write('a', 'a'.repeat(5000))
    const before = await filesIn()
    const { granted, contents } = await grantFolder(
      { kind: 'folder', path: '.', exclude: [] },
      { folder: root, quiet: true, permissions: new Permissions() },
    )
    const [content] = contents
    if (!content) throw new Error('nothing is sent')
    const whole = await bytesOf(content.open(0))
    expect(granted).toEqual({ digest: content.digest, bytes: whole.length, entries: 1 })
    expect(await bytesOf(content.open(700))).toEqual(whole.subarray(700))
    expect(await filesIn()).toEqual(before)
  })
})

describe('a file', () => {
  it('is read where it lies', async () => {
    write('big', 'b'.repeat(100))
    const { granted, contents } = await grantFolder(
      { kind: 'file', path: 'big' },
      { folder: root, quiet: true, permissions: new Permissions() },
    )
    expect(granted).toMatchObject({ bytes: 100, digest: contents[0]?.digest })
    expect((await bytesOf(contents[0]?.open(90) ?? Readable.from([]))).toString()).toBe('b'.repeat(10))
  })
})

async function filesIn() {
  const { readdirSync } = await import('node:fs')
  return readdirSync(tmpdir()).filter((name) => /^cloister-[A-Za-z0-9]{6}$/.test(name))
}
