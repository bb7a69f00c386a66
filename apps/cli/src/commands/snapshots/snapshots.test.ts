import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { encodeItem, FRAME, frameHead } from '@cloister/core'
import { leases, type Session } from '@cloister/sdk'
import { exec } from '@cloister/sdk/node'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { composeFile, fakeCloister, folderWith, LEASE, typed, typedJson } from '../../testing.ts'
import { addDeploy } from '../leases/commands.ts'
import { addSnapshots } from './commands.ts'

const BYTES = randomBytes(1000)
const DIGEST = createHash('sha256').update(BYTES).digest('hex')
/** How often the worker was given a block as known. */
let known: number[]

const frame = (kind: number, bytes: Buffer) => Buffer.concat([frameHead(kind, bytes.length), bytes])
const FILE = { type: 'file', path: 'f', target: '', mode: 0o644, uid: 0, gid: 0, modified: 0 } as const

/** A worker whose lease has one volume with one file. */
function fakeWorker() {
  const send = async (url: string, init: RequestInit) => {
    if (!url.endsWith('/read')) return Response.json({ volumes: ['data'] })
    const have = (init.body as Uint8Array).length / 32
    known.push(have)
    const inventory = Buffer.from(`${encodeItem({ ...FILE, size: BYTES.length })}["${DIGEST}"]\n`)
    const summary = { files: 1, bytes: BYTES.length, leftOut: { count: 2, names: ['a', 'b'] } }
    const parts = [
      ...(have > 0 ? [] : [frame(FRAME.block, Buffer.concat([Buffer.from(DIGEST, 'hex'), BYTES]))]),
      frame(FRAME.inventory, inventory),
      frame(FRAME.end, Buffer.from(JSON.stringify(summary))),
    ]
    return new Response(Buffer.concat(parts))
  }
  const connection = { urlOf: (path: string) => `http://127.0.0.1${path}`, send }
  return { worker: LEASE.slice(0, 42), connection, sign: async () => ({ authorization: 'signed' }) }
}

let home: string
beforeEach(() => {
  known = []
  home = folderWith()
  vi.stubEnv('CLOISTER_HOME', home)
  vi.mocked(connect).mockReturnValue(fakeCloister())
  const record = { lease: LEASE, wishedName: 'shop', manifestHash: LEASE }
  vi.mocked(leases.findLease).mockResolvedValue(record as never)
  vi.mocked(leases.openSession).mockResolvedValue({ asTenant: fakeWorker() } as unknown as Session)
})
afterEach(() => vi.unstubAllEnvs())

const run = (...words: string[]) => typed(addSnapshots, ...words)
const place = () => join(home, 'snapshots')

describe('snapshots', () => {
  it('are taken with a key of their own, of whose worth a word is said once', async () => {
    const first = await run('snapshot', 'shop')
    expect(first.out).toMatch(
      /^● \d{8}T\d{6}Z-[0-9a-f]{8} has 1 volume, 1 MiB; 1 MiB were new in .*snapshots\.\n$/,
    )
    expect(first.err).toContain(`The key of your snapshots is ${join(home, 'snapshot.key')}. Keep a copy`)
    expect(first.err).toContain('Left out: 2 sockets, devices and names that are too long.')
    expect(statSync(join(home, 'snapshot.key')).mode & 0o777).toBe(0o600)
    const second = await run('snapshot', 'shop')
    expect(second.err).not.toContain('Keep a copy')
    // What is there already was named to the worker.
    expect(known).toEqual([0, 2])
  })

  it('are of one moment where the lease is paused for them, and it runs again whatever comes', async () => {
    const still: string[] = []
    vi.mocked(leases.whileStill).mockImplementation(async (_, lease, work) => {
      still.push(lease)
      return work()
    })
    await run('snapshot', 'shop', '--pause')
    expect(still).toEqual([LEASE])
    const { json } = await typedJson(addSnapshots, 'snapshots', 'list')
    expect(json).toMatchObject([{ paused: true }])
  })

  it('are listed, checked and pruned', async () => {
    for (let times = 0; times < 3; times++) await run('snapshot', 'shop', '--to', place())
    const { out } = await run('snapshots', 'list')
    expect(out.split('\n')[1]).toMatch(/^\d{8}T\d{6}Z-\w+ +shop +\d{4}-.* data +1 +1 MiB$/)
    expect((await run('snapshots', 'verify')).out).toMatch(/^(✔ \S+: 2 blocks\n){3}$/)
    const { json } = await typedJson(addSnapshots, 'snapshots', 'prune', place(), '--keep', '1')
    expect(json.removed).toHaveLength(2)
    expect((await typedJson(addSnapshots, 'snapshots', 'list')).json).toMatchObject([
      { id: json.kept[0], name: 'shop', lease: LEASE, volumes: [{ name: 'data', files: 1 }] },
    ])
  })

  it('that are damaged are told of, with an exit code', async () => {
    await run('snapshot', 'shop')
    rmSync(join(place(), 'packs'), { recursive: true })
    const { out, err, exitCode } = await run('snapshots', 'verify', place(), '--quick')
    expect(out).toMatch(/^✘ /)
    expect(err).toContain('1 of 1 snapshots in')
    expect(exitCode).toBe(1)
  })

  it('are refused without their key, with another one, and where there are none', async () => {
    expect((await run('snapshots', 'list')).err).toContain('The key of your snapshots is not at')
    await run('snapshot', 'shop')
    expect((await run('snapshots', 'list', folderWith())).err).toContain('There are no snapshots in')
    writeFileSync(join(home, 'snapshot.key'), 'ab'.repeat(32))
    expect((await run('snapshots', 'list')).err).toContain('were taken with another key')
    writeFileSync(join(home, 'snapshot.key'), 'nonsense')
    expect((await run('snapshots', 'list')).err).toContain('64 hexadecimal digits')
    expect((await run('snapshots', 'prune', '--keep', 'none')).err).toContain('--keep is none')
  })

  it('are kept in another lease by commands that run there, and never in their own', async () => {
    const to = (at: string) => run('snapshot', 'shop', '--to', at)
    for (const at of ['lease:', 'lease:/data', 'lease:backups', 'lease:backups/', 'lease:backups/a/..'])
      expect((await to(at)).err).toContain('names no folder of a lease')
    expect((await to('lease:shop/data')).err).toContain('is in the lease itself')
    const record = { wishedName: 'shop', manifestHash: LEASE, worker: LEASE.slice(0, 42) }
    vi.mocked(leases.findLease).mockImplementation(
      async (_, key) => ({ ...record, lease: key === 'backups' ? `0x${'7b'.repeat(32)}` : LEASE }) as never,
    )
    const kept = mkdtempSync(join(home, 'kept-'))
    vi.mocked(exec).mockImplementation(async (_, { argv: [program = '', ...words], stdin, stdout }) => {
      const input = stdin ? await buffer(stdin as Readable) : ''
      const { status, stdout: printed } = spawnSync(program, words, { input })
      stdout.write(printed)
      return status ?? 1
    })
    const { out, err } = await to(`lease:backups${kept}`)
    expect(err).toContain('is on the same worker as the lease')
    expect(out).toContain(`in lease:backups${kept}`)
    const { json: listed } = await typedJson(addSnapshots, 'snapshots', 'list', `lease:backups${kept}`)
    expect(listed).toMatchObject([{ name: 'shop', volumes: [{ name: 'data', files: 1 }] }])
    expect(readdirSync(kept).sort()).toEqual(['head', 'indexes', 'locks', 'packs', 'snapshots'])
  })

  it('are of volumes that there are', async () => {
    const { err, exitCode } = await run('snapshot', 'shop', '--volume', 'other')
    expect(err).toContain('The lease has no volume other.')
    expect(err).toContain('It has data.')
    expect(exitCode).toBe(1)
    expect(existsSync(join(place(), 'snapshots'))).toBe(false)
  })

  it('begin a new lease whose file has the volume, and no other', async () => {
    await run('snapshot', 'shop')
    const deploy = (file: string, from = place()) => typed(addDeploy, 'deploy', file, '-y', '--from', from)
    expect((await deploy(composeFile())).err).toContain('The file has none of the volumes of')
    expect((await deploy(composeFile(), `${place()}#20310101`)).err).toContain('is called 20310101')
    const file = composeFile()
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, `${text}    volumes: ["data:/data"]\nvolumes: { data: {} }\n`)
    vi.mocked(leases.bids).mockRejectedValue(new Error('it got that far'))
    expect((await deploy(file)).err).toContain('it got that far')
  })
})
