import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import { type ClusterRecord, type ClusterStatus, clusters } from '@cloister/sdk'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { clusterJournal } from '../../cluster-journal.ts'
import { connect } from '../../context.ts'
import { fakeCloister, LEASE, typing, USDC, WORKER } from '../../testing.ts'
import { addCluster } from './commands.ts'

const { run } = typing(addCluster, 'cluster')
const FILE = 'services:\n  web:\n    image: a\n'

let folder: string

function status(step: ClusterStatus['step'] = 'up'): ClusterStatus {
  const member = {
    ...{ lease: LEASE, worker: WORKER, state: 'running', token: USDC, ratePerSecond: 1_000n },
    ...{ spent: 2_000_000n, balance: 3_600_000n, secondsLeft: 3_600, url: {}, reached: 1, relayed: 0 },
  }
  return {
    ...{ name: 'mpi', network: 'mpi', step },
    members: [
      { ...member, rank: 0, name: 'mpi-0', url: { web: 'https://mpi-0.example' } },
      { ...member, rank: 1, name: 'mpi-1\x1b[2J', relayed: 1 },
    ],
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-clusters-'))
  vi.stubEnv('CLOISTER_HOME', folder)
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(clusters.up).mockResolvedValue(status())
  vi.mocked(clusters.show).mockResolvedValue(status())
  vi.mocked(clusters.list).mockResolvedValue([])
  vi.mocked(clusters.down).mockResolvedValue({
    name: 'mpi',
    token: USDC,
    closed: [{ lease: LEASE, spent: 1_000_000n, refund: 2_500_000n, credited: 0n }],
  })
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

describe('cluster up', () => {
  const file = () => {
    const path = join(folder, 'compose.yaml')
    writeFileSync(path, FILE)
    return path
  }

  it('brings up so many leases under a name, and shows them', async () => {
    const { out, exitCode } = await run(
      'up',
      file(),
      '-n',
      '2',
      '--name',
      'mpi',
      '--per-worker',
      '1',
      '--yes',
    )
    expect(exitCode).toBe(0)
    expect(vi.mocked(clusters.up).mock.lastCall?.[1]).toMatchObject({ name: 'mpi', size: 2, perWorker: 1 })
    expect(out).toMatch(/0 +mpi-0 +running .*1 of 1/)
    expect(out).toMatch(/1 of 1, 1 relayed/)
    expect(out).toContain('https://mpi-0.example')
    expect(out).toContain('cloister exec mpi-0 -- sh')
    expect(out).not.toContain('\x1b[2J')
  })

  it.each(['0', '-1', 'two', '1.5', '99999'])('takes no %s for how many', async (size) => {
    const { err, exitCode } = await run('up', file(), `--size=${size}`, '--name', 'mpi', '--yes')
    expect(exitCode).toBe(1)
    expect(err).toContain('a number from 1 on')
  })

  it('asks for a name where the file has none', async () => {
    const path = join(folder, 'app.yaml')
    writeFileSync(path, FILE)
    vi.mocked(clusters.up).mockRejectedValue(new CloisterError('no-bids', 'There is room for 1 of the 2.'))
    const { err, exitCode } = await run('up', path, '-n', '2', '--yes')
    expect(exitCode).toBe(1)
    expect(err).toMatch(/--name|room for 1/)
  })
})

describe('cluster ls', () => {
  it('lists clusters, and says how to start one', async () => {
    expect((await run('ls')).out).toContain('cluster up FILE')
    vi.mocked(clusters.list).mockResolvedValue([
      { name: 'mpi', network: 'mpi', step: 'starting', size: 4, open: 3 },
    ])
    expect((await run('ls')).out).toMatch(/mpi +mpi +starting +3 of 4/)
    expect(JSON.parse((await run('ls', '--json')).out)).toMatchObject([{ open: 3 }])
  })
})

describe('cluster show', () => {
  it('says how to go on with one that is not up', async () => {
    vi.mocked(clusters.show).mockResolvedValue(status('starting'))
    expect((await run('show', 'mpi')).out).toContain('cluster down mpi')
    vi.mocked(clusters.show).mockResolvedValue(status('closing'))
    expect((await run('show', 'mpi')).out).toContain('being closed')
    expect(JSON.parse((await run('show', 'mpi', '--json')).out)).toMatchObject({ name: 'mpi' })
  })
})

describe('cluster down', () => {
  it('says what it cost and what is back', async () => {
    const { out } = await run('down', 'mpi')
    expect(out).toMatch(/1 leases cost 1 .*2\.5 .*are back/)
    expect(JSON.parse((await run('down', 'mpi', '--json')).out)).toMatchObject({ name: 'mpi' })
  })
})

describe('the journal of clusters', () => {
  const record: ClusterRecord = {
    ...{ name: 'mpi', network: 'mpi', step: 'opening' },
    members: [{ lease: LEASE, worker: WORKER }],
  }

  it('keeps them by account and network, and reads no file that a name leads elsewhere to', () => {
    const journal = clusterJournal(fakeCloister())
    expect([journal.read('mpi'), journal.all()]).toEqual([undefined, []])
    journal.write(record)
    journal.write({ ...record, step: 'up' })
    expect(clusterJournal(fakeCloister()).read('mpi')).toEqual({ ...record, step: 'up' })
    expect(journal.all()).toHaveLength(1)
    expect(journal.read('../mpi')).toBeUndefined()
    journal.remove('mpi')
    expect(journal.all()).toEqual([])
  })
})
