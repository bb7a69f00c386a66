import { type GovernanceStatus, governance } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import { fakeCloister, LEASE, PROVIDER, typed, typedJson, WORKER } from '../../testing.ts'
import { addGovernance } from './commands.ts'

const soon = () => Math.floor(Date.now() / 1000) + 7_200
const nothing: GovernanceStatus = { announcements: [], suspensions: [], proposals: [] }
const announcement = (changes: object = {}) => ({
  contract: 'market',
  address: WORKER,
  change: LEASE,
  call: '0x01',
  function: 'setFee',
  args: { bps: '250', token: { of: LEASE } },
  by: PROVIDER,
  announcedAt: 1_900_000_000,
  readyAt: soon(),
  state: 'waiting',
  onChain: true,
  ...changes,
})
const withFound = (found: object) =>
  vi.mocked(governance).mockResolvedValue({ ...nothing, ...found } as GovernanceStatus)
const shown = async (...words: string[]) => (await typed(addGovernance, 'governance', ...words)).out

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  withFound({})
})

describe('governance', () => {
  it('says what a change does, when it takes effect and how long that is', async () => {
    withFound({ announcements: [announcement()] })
    expect(await shown()).toMatch(
      /market +setFee\(bps: 250, token: \{ of: 0x7f3a000000… \}\) +0x709979…79C8 +2030-.* from .* waiting, (1h 59m( \d+s)?|2h) more/,
    )
  })

  it('says where the chain says otherwise than the index', async () => {
    withFound({ announcements: [announcement({ onChain: false })] })
    expect(await shown()).toContain('waiting, but not on chain')
  })

  it('shows a call that is no function of the contract as it is', async () => {
    withFound({ announcements: [announcement({ function: undefined, call: LEASE })] })
    expect(await shown()).toContain('no function of its own (0x7f3a000000…)')
  })

  it('shows what is suspended and which slash is proposed', async () => {
    const until = soon()
    withFound({
      suspensions: [
        {
          kind: 'measurement',
          measurement: LEASE,
          roles: 3,
          since: 1_900_000_000,
          until,
          state: 'in-force',
          onChain: true,
        },
        { kind: 'floor', fmspc: '0x00a06d080000', floor: { tcb: '5' }, since: 0, until, state: 'over' },
      ],
      proposals: [
        {
          bps: 1_500,
          provider: PROVIDER,
          proposedAt: 0,
          readyAt: 0,
          expiresAt: until,
          state: 'ready',
          onChain: true,
        },
      ],
    })
    const out = await shown()
    expect(out).toMatch(/measurement 0x7f3a000000… +may not earn or verify/)
    expect(out).toMatch(/15% of the pool +0x7099.* ready, for (1h 59m 59s|2h) more/)
    expect(out).not.toContain('0x00a06d080000')
    expect(await shown('--all')).toMatch(/platforms 0x00a06d080000 +floor raised to tcb: 5 .* over/)
  })

  it('says that there is nothing', async () => {
    expect(await shown()).toBe('Nothing is announced, suspended or proposed.\n')
    expect(await shown('--all')).toBe('Governance has announced, suspended and proposed nothing.\n')
    expect((await typedJson(addGovernance, 'governance')).json).toEqual(nothing)
  })
})
