import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CloisterError, parseManifest } from '@cloister/core'
import { leases, type Moved } from '@cloister/sdk'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import { moveJournal } from '../../move-journal.ts'
import {
  checkedBid,
  composeFile,
  fakeCloister,
  folderWith,
  LEASE,
  typed,
  typedJson,
  WORKER,
} from '../../testing.ts'
import { addLeases } from './commands.ts'

const TO = `0x${'2b'.repeat(32)}` as const
const moved: Moved = {
  from: LEASE,
  to: TO,
  worker: WORKER,
  provider: WORKER,
  url: { web: 'http://127.0.0.1:1' },
  downtimeMs: 2_345,
  totalMs: 60_000,
  sentBytes: 50 * 1024 * 1024,
  sentWhileStoppedBytes: 1024,
  volumes: ['data'],
}
const run = (...words: string[]) => typed(addLeases, 'move', 'shop', composeFile(), ...words)
const asked = () => vi.mocked(leases.move).mock.calls[0]

let home: string
beforeEach(() => {
  home = folderWith()
  vi.stubEnv('CLOISTER_HOME', home)
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(leases.move).mockResolvedValue(moved)
})
afterEach(() => vi.unstubAllEnvs())

describe('move', () => {
  it('says where the lease runs now, for how long nothing did, and what was sent', async () => {
    const { out, exitCode } = await run('-y', '--to', WORKER, '--for', '2h')
    expect(out).toBe(
      '● shop runs on 0x90F79b…b906 as 2b2b2b2b2b2b2b2b, after 60.0 s.\n' +
        '  Nothing ran for 2.3 s. 50 MiB were sent, 1 MiB of it meanwhile.\n' +
        '  web        http://127.0.0.1:1\n',
    )
    expect(exitCode).toBe(0)
    expect(asked()?.[1]).toBe('shop')
    expect(asked()?.[2]).toMatchObject({ provider: WORKER, pay: 'USDC' })
    expect(asked()?.[2].agree).toBeUndefined()
    const { json } = await typedJson(addLeases, 'move', 'shop', composeFile())
    expect(json).toEqual(moved)
  })

  it('takes what runs where no file is named, unless only the file has what that takes', async () => {
    const { manifest } = parseManifest('services: { web: { image: a } }', { file: 'compose.yaml' })
    vi.mocked(leases.findLease).mockResolvedValue({ lease: LEASE } as never)
    vi.mocked(leases.manifestOf).mockResolvedValue(manifest)
    await typed(addLeases, 'move', 'shop', '-y')
    expect(asked()?.[2]).toMatchObject({ manifest, contents: [] })
    vi.mocked(leases.checkContents).mockImplementationOnce(() => {
      throw new Error('nobody gives it')
    })
    const { err } = await typed(addLeases, 'move', 'shop', '-y', '--to', WORKER)
    expect(err).toContain(`it was deployed with: cloister move shop compose.yaml --to ${WORKER}`)
    // One whose old lease is closed already: the new one runs it.
    moveJournal().write({ from: LEASE, to: TO, step: 'closing' })
    vi.mocked(leases.manifestOf).mockImplementation(async (_, key) => {
      if (key === LEASE) throw new CloisterError('not-found', 'It is closed.')
      return manifest
    })
    expect((await typed(addLeases, 'move', 'shop', '-y')).exitCode).toBe(0)
  })

  it('asks before a lease is opened', async () => {
    vi.mocked(confirm).mockResolvedValue(false)
    vi.mocked(leases.move).mockImplementation(async (_, __, { agree }) => {
      expect(await agree?.(checkedBid(), 1_000_000n)).toBe(false)
      throw new CloisterError('cancelled', 'Nothing was opened.')
    })
    const { err, exitCode } = await run()
    expect(err).toContain('Deposit 1 USDC')
    expect(err).toContain('Nothing was opened.')
    expect(exitCode).toBe(1)
  })

  it('writes down how far it is, for whoever repeats it', () => {
    const journal = moveJournal()
    expect(journal.read(LEASE)).toBeUndefined()
    journal.write({ from: LEASE, to: TO, step: 'copying' })
    journal.write({ from: LEASE, to: TO, step: 'starting' })
    expect(moveJournal().read(LEASE)).toEqual({ from: LEASE, to: TO, step: 'starting' })
    expect(readdirSync(join(home, 'moves'))).toEqual([`${LEASE}.json`])
    journal.remove(LEASE)
    expect(existsSync(join(home, 'moves', `${LEASE}.json`))).toBe(false)
    mkdirSync(join(home, 'moves'), { recursive: true })
    writeFileSync(join(home, 'moves', `${LEASE}.json`), '{"from":1}')
    expect(() => journal.read(LEASE)).toThrow()
  })
})
