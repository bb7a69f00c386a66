import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LeaseStore, type StoringLease } from './lease-store.ts'

let folder: string
/** Commands that ran, by their first words after the folder. */
let ran: string[][]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-store-'))
  ran = []
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A lease whose container is this machine; `env` is what its commands have. */
function lease(env: NodeJS.ProcessEnv = process.env): StoringLease {
  return {
    name: 'backups',
    run: ({ argv: [program = '', ...words], stdin, stdout, stderr, signal }) => {
      ran.push(words.slice(4))
      const child = spawn(program, words, { env, ...(signal && { signal }) })
      if (stdin) pipeline(stdin, child.stdin, () => {})
      else child.stdin.end()
      child.stdout.on('data', (chunk) => stdout.write(chunk))
      child.stderr.on('data', (chunk) => stderr.write(chunk))
      return new Promise((done, failed) => {
        child.once('error', failed)
        child.once('close', (code) => done(code ?? 1))
      })
    },
  }
}

/** A lease that answers a command in its own way. */
function answering(code: number, output: string | Buffer): StoringLease {
  return {
    name: 'backups',
    run: async ({ stdout }) => {
      stdout.write(output)
      return code
    },
  }
}

describe('snapshots in another lease', () => {
  it('are written whole, read in parts, listed and removed', async () => {
    const store = new LeaseStore(lease(), folder)
    const bytes = Buffer.alloc(300_000, 'block')
    expect(await store.list('packs')).toEqual([])
    expect(await store.read('packs/p1')).toBeUndefined()
    await store.write('packs/p1', bytes)
    await store.write('packs/p1', bytes)
    await store.write('packs/p2', Buffer.from('two'))
    expect((await store.read('packs/p1'))?.equals(bytes)).toBe(true)
    ran = []
    expect(await store.read('packs/p1', { offset: 10, bytes: 5 })).toEqual(bytes.subarray(10, 15))
    expect(await store.read('packs/p1', { offset: 299_990, bytes: 50 })).toEqual(bytes.subarray(299_990))
    expect(ran).toHaveLength(1)
    const listed = await store.list('packs')
    expect(listed.map(({ name, bytes }) => [name, bytes])).toEqual([
      ['packs/p1', 300_000],
      ['packs/p2', 3],
    ])
    expect(Math.abs((listed[0]?.modifiedAt ?? 0) - Date.now())).toBeLessThan(60_000)
    await store.remove('packs/p1')
    await store.remove('packs/p1')
    expect(await store.read('packs/p1', { offset: 0, bytes: 1 })).toBeUndefined()
    expect((await store.list('packs')).map(({ name }) => name)).toEqual(['packs/p2'])
  })

  it('are not there where a write was cut off, and leave nothing', async () => {
    const whole = lease()
    const cut: StoringLease = {
      ...whole,
      run: (command) => whole.run({ ...command, stdin: undefined }),
    }
    await expect(new LeaseStore(cut, folder).write('packs/p1', Buffer.from('some'))).rejects.toThrow(
      'what was sent was cut off',
    )
    expect(readdirSync(join(folder, 'packs'))).toEqual([])
  })

  it('are refused where the lease has no such folder, or no programs to keep them with', async () => {
    const nowhere = new LeaseStore(lease(), join(folder, 'none'))
    for (const ask of [
      () => nowhere.list('packs'),
      () => nowhere.read('packs/p'),
      () => nowhere.write('packs/p', Buffer.of(1)),
      () => nowhere.remove('packs/p'),
    ])
      await expect(ask()).rejects.toMatchObject({ code: 'not-found', message: /no folder/ })
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    const bare: StoringLease = {
      ...lease(),
      run: (command) => {
        const [, ...words] = command.argv
        return lease({ PATH: bin }).run({ ...command, argv: ['/bin/sh', ...words] })
      },
    }
    await expect(new LeaseStore(bare, folder).list('packs')).rejects.toMatchObject({ code: 'not-found' })
    await expect(new LeaseStore(bare, folder).write('packs/p', Buffer.of(1))).rejects.toMatchObject({
      code: expect.stringMatching(/unreachable|not-found/),
    })
  })

  it('trust no list or object of the worker beyond its size and form', async () => {
    mkdirSync(join(folder, 'packs'))
    for (const name of ['ok', '.coming-1', 'with space', '-n']) writeFileSync(join(folder, 'packs', name), '')
    const listed = await new LeaseStore(lease(), folder).list('packs')
    expect(listed.map(({ name }) => name)).toEqual(['packs/ok'])
    await expect(new LeaseStore(answering(0, '1 2 a\n'), folder).list('packs')).rejects.toThrow('breaks off')
    expect(await new LeaseStore(answering(0, '1 2 ../../etc\nx\n.\n'), folder).list('packs')).toEqual([])
    await expect(new LeaseStore(answering(3, ''), folder).read('packs/p')).rejects.toMatchObject({
      code: 'unreachable',
    })
    const part = { offset: 5, bytes: 10 }
    expect(await new LeaseStore(answering(0, 'short'), folder).read('packs/p', part)).toEqual(Buffer.alloc(0))
    let more = true
    const endless: StoringLease = {
      name: 'backups',
      run: ({ stdout, signal }) =>
        new Promise((_, failed) => {
          signal?.addEventListener('abort', () => {
            more = false
            failed(new Error('cut off'))
          })
          const chunk = Buffer.alloc(16 * 1024 * 1024)
          const say = () => {
            if (!more) return
            stdout.write(chunk)
            setImmediate(say)
          }
          say()
        }),
    }
    await expect(new LeaseStore(endless, folder).read('packs/p')).rejects.toThrow('it says too much')
  })
})
