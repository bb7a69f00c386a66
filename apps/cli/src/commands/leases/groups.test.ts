import { type Group, groups, leases } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import {
  ACCOUNT,
  checkedBid,
  composeFile,
  fakeCloister,
  folderWith,
  LEASE,
  PROVIDER,
  printed,
  typed,
  typedJson,
  USDC,
  WORKER,
} from '../../testing.ts'
import { addDeploy, addLeases } from './commands.ts'

const OTHER = `0x${'2b'.repeat(32)}` as const
const group = {
  name: 'shop',
  members: [
    { lease: LEASE, replica: 0 },
    { lease: OTHER, replica: 1 },
  ],
} as unknown as Group
const opened = (replica: number) => ({
  replica,
  lease: LEASE,
  worker: WORKER,
  provider: PROVIDER,
  token: USDC,
  ratePerSecond: 100n,
  deposit: 720_000n,
  attestation: 'simulated' as const,
})
const spread = () =>
  `${folderWith({
    'compose.yaml':
      'name: shop\nservices: { web: { image: nginx, ports: ["80"], x-spread: workers, deploy: { replicas: 2 } } }\n',
  })}/compose.yaml`

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.stubEnv('CLOISTER_HOME', folderWith())
  vi.mocked(groups.find).mockResolvedValue(group)
})

describe('deploy of a file with x-spread', () => {
  beforeEach(() => {
    vi.mocked(groups.deploy).mockResolvedValue({
      name: 'shop',
      replicas: [opened(0), opened(1)],
      routes: [{ service: 'web', port: 80, protocol: 'http', url: 'http://shop.localhost:1' }],
      transaction: LEASE,
    })
  })

  it('shows the replicas and the one address', async () => {
    const { out, exitCode } = await typed(addDeploy, 'deploy', spread(), '-y')
    expect(out).toMatch(/0 +0x90F79b…b906 .*0\.36 USDC +0\.72 USDC +simulated\n1 +0x/)
    expect(out).toContain('● shop runs on 2 workers, opened with one transaction')
    expect(out).toContain('web        http://shop.localhost:1')
    expect(exitCode).toBe(0)
    expect(vi.mocked(groups.deploy).mock.calls[0]?.[1]).toMatchObject({ name: 'shop', replicas: 2 })
  })

  it('shows what it would cost and asks before anything is opened', async () => {
    vi.mocked(confirm).mockResolvedValue(false)
    await typed(addDeploy, 'deploy', spread())
    const { agree } = vi.mocked(groups.deploy).mock.calls.at(-1)?.[1] ?? {}
    const planned = [0, 1].map((replica) => ({ replica, chosen: checkedBid(), deposit: 720_000n }))
    const { err } = await printed(async () => expect(await agree?.(planned, {} as never)).toBe(false))
    expect(err).toContain('Deposit 1.44 USDC in all: lasts 2h at 0.72 USDC an hour.')
    expect(confirm).toHaveBeenLastCalledWith('Open 2 leases?')
  })
})

describe('scale', () => {
  it('opens what is missing with what the others run', async () => {
    vi.mocked(groups.scale).mockResolvedValue({ name: 'shop', opened: [opened(2)], closed: [], replicas: 3 })
    const { out } = await typed(addLeases, 'scale', 'shop=3', '-y')
    expect(out).toMatch(/2 +0x90F79b…b906/)
    expect(out).toContain('● shop has 3 replicas.')
    const [, of, wanted, more] = vi.mocked(groups.scale).mock.calls.at(-1) ?? []
    expect([of, wanted, more?.manifest]).toEqual([group, 3, undefined])
  })

  it('says what came back of those that were closed', async () => {
    const closed = [
      { lease: OTHER, spent: 1n, refund: 500_000n, credited: 0n, token: USDC, transaction: LEASE },
    ]
    vi.mocked(groups.scale).mockResolvedValue({ name: 'shop', opened: [], closed, replicas: 1 })
    const { out } = await typed(addLeases, 'scale', 'shop=1', '-y')
    expect(out).toContain('Closed one replica of shop. It cost 0.000001 USDC; 0.5 USDC are back')
  })

  it.each(['shop', 'shop=', 'shop=many', '=3'])('refuses %s', async (wanted) => {
    expect((await typed(addLeases, 'scale', wanted)).err).toContain('is not NAME=NUMBER')
  })

  it('knows no group of others', async () => {
    vi.mocked(groups.find).mockResolvedValue(undefined)
    expect((await typed(addLeases, 'scale', 'theirs=3')).err).toContain('You have no group called theirs')
  })
})

describe('update of a group', () => {
  it('goes from one replica to the next', async () => {
    vi.mocked(groups.update).mockResolvedValue({ name: 'shop', manifestHash: LEASE, updated: [0, 1] })
    const { out } = await typed(addLeases, 'update', 'shop', composeFile())
    expect(out).toContain('● All replicas of shop run 0x7f3a000000000000…. Updated: 0, 1.')
    expect(leases.update).not.toHaveBeenCalled()
  })

  it('is taken back with --rollback, and goes on with --continue where it was begun alone', async () => {
    vi.mocked(groups.rollBack).mockResolvedValue({ name: 'shop', manifestHash: LEASE, updated: [0] })
    const { json } = await typedJson(addLeases, 'update', 'shop', '--rollback')
    expect(json).toMatchObject({ name: 'shop', updated: [0] })
    const { err, exitCode } = await typed(addLeases, 'update', 'shop', composeFile(), '--continue')
    expect([err, exitCode]).toEqual([expect.stringContaining('No update of shop that stopped is known'), 1])
  })
})

describe('close of a group', () => {
  it('ends all of it', async () => {
    const one = { spent: 2n, refund: 250_000n, credited: 0n, token: USDC, transaction: LEASE }
    vi.mocked(groups.close).mockResolvedValue([
      { ...one, lease: LEASE },
      { ...one, lease: OTHER },
    ])
    const { out } = await typed(addLeases, 'close', 'shop')
    expect(out).toContain('Closed 2 replicas of shop. They cost 0.000004 USDC; 0.5 USDC are back')
    expect(ACCOUNT).toMatch(/^0x/)
  })
})
