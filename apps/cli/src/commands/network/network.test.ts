import { type NetworkStatus, networks } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { fakeCloister, LEASE, typing, WORKER } from '../../testing.ts'
import { addNetwork } from './commands.ts'

const { run } = typing(addNetwork, 'network')

const tunnel = { from: '', to: '', receivedBytes: 3 * 1024 ** 2, sentBytes: 0 }

function status(): NetworkStatus {
  const member = { lease: LEASE, reader: LEASE, network: 'backend', name: 'db', places: [], instant: 1 }
  const now = Math.round(Date.now() / 1000)
  const report = {
    member: { ...member, signature: '0x' as const },
    places: [{ name: '', services: ['postgres'], ipv6: 'fd00::1', ipv4: '100.64.0.1' }],
    peers: [
      {
        lease: LEASE,
        name: 'web',
        worker: WORKER,
        tunnels: [{ ...tunnel, way: 'direct' as const, handshakeAt: now - 60 }],
      },
      {
        lease: LEASE,
        name: '',
        worker: WORKER,
        tunnels: [{ ...tunnel, way: 'none' as const, handshakeAt: 0 }],
      },
    ],
  }
  return {
    name: 'backend',
    members: [{ lease: LEASE, name: 'db', worker: WORKER, report, problem: 'no port\x1b[2J' }],
  }
}

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(networks.list).mockResolvedValue([status()])
  vi.mocked(networks.show).mockResolvedValue(status())
})

describe('network ls', () => {
  it('names the private networks and who is on each', async () => {
    expect((await run('ls')).out).toMatch(/backend +1 +db/)
  })

  it('says how to begin where there is none, and tells programs so', async () => {
    vi.mocked(networks.list).mockResolvedValue([])
    expect((await run('ls')).out).toContain('x-network: NAME')
    expect(JSON.parse((await run('ls', '--json')).out)).toEqual([])
  })
})

describe('network show', () => {
  it('shows names, addresses, and how the others are reached', async () => {
    const { out } = await run('show', 'backend')
    expect(out).toMatch(/db +postgres\.db\.backend +fd00::1 +100\.64\.0\.1/)
    expect(out).toMatch(/db +web +direct +(1m|60s) ?.*ago +3\.0 MiB +0\.0 MiB/)
    expect(out).toMatch(/db +7f3a000000000000 +not reached +never/)
  })

  it('shows what workers say without what a terminal obeys', async () => {
    const { out } = await run('show', 'backend')
    expect(out).toContain('no port')
    expect(out).not.toContain('\x1b[2J')
  })

  it('gives programs all of it', async () => {
    expect(JSON.parse((await run('show', 'backend', '--json')).out)).toMatchObject({ name: 'backend' })
  })
})
