import type { Council, CouncilMotion, OpenMotion } from '@cloister/chain'
import { type BallotStatus, council, votes } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import {
  ACCOUNT,
  CLOI,
  CLOI_TOKEN,
  fakeCloister,
  PROVIDER,
  TRANSACTION,
  typing,
  WORKER,
} from '../../testing.ts'
import { addCouncil } from './commands.ts'

const { run, runJson } = typing(addCouncil, 'council')
const BALLOT = `0x${'5f3a'.padEnd(64, '0')}` as const
const VETO: CouncilMotion = { act: 'veto', ballot: BALLOT }
const PAYMENT: CouncilMotion = { act: 'spend', token: CLOI_TOKEN, to: PROVIDER, amount: 250n * CLOI }
const open = (id: number, motion: CouncilMotion, voted = 1): OpenMotion => ({
  id,
  motion,
  votes: voted,
  needed: 5,
  expiresAt: 1_900_000_000,
})

/** A council of one member with the motions `motions`. */
function withMotions(...motions: OpenMotion[]): void {
  const found: Council = {
    body: 'council',
    address: WORKER,
    seats: 7,
    members: [ACCOUNT],
    termEnd: 1_900_000_000,
    needed: { veto: 5, spam: 4, hasten: 0, spend: 4 },
    motions,
  }
  vi.mocked(council.show).mockResolvedValue(found)
}

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(confirm).mockResolvedValue(true)
  vi.mocked(council.support).mockResolvedValue(TRANSACTION)
  vi.mocked(council.second).mockResolvedValue(TRANSACTION)
  vi.mocked(votes.find).mockResolvedValue({ ballot: { id: BALLOT } } as BallotStatus)
  withMotions()
})

describe('cloister council', () => {
  it('shows seats, what each act takes and what is moved', async () => {
    withMotions(open(3, VETO), open(4, PAYMENT, 2))
    const { out } = await run('show')
    expect(out).toMatch(/1 of 7 seats of the council are taken, until 2030-03-17\./)
    expect(out).toMatch(/It takes 5 to veto, 4 to spam, 4 to spend\./)
    expect(out).toMatch(/3 +veto ballot 0x5f3a0000 +1 of 5/)
    expect(out).toMatch(/4 +pay 250 CLOI to 0x7099\S+ +2 of 5 +2030-03-17 17:46/)
    expect((await runJson('show', '--committee')).json.motions).toHaveLength(2)
    expect(council.show).toHaveBeenLastCalledWith(expect.anything(), 'committee')
  })

  it('says what it means that nobody is in it', async () => {
    const nobody = { ...(await council.show(fakeCloister(), 'council')), members: [], termEnd: 0 }
    vi.mocked(council.show).mockResolvedValue(nobody)
    expect((await run('show')).out).toMatch(
      /^Nobody is in the council\. Nothing waits for it.* --council \S+ --candidate ADDRESS/,
    )
    vi.mocked(council.show).mockResolvedValue({ ...nobody, termEnd: 1_700_000_000 })
    expect((await run('show')).out).toMatch(/the last term ended on 2023-11-14/)
  })

  it('moves something about a ballot, and says how many it still takes', async () => {
    for (const act of ['veto', 'spam', 'hasten'] as const) {
      withMotions(open(6, PAYMENT, 4), open(7, { act, ballot: BALLOT }), open(8, PAYMENT))
      expect((await run(act, '0x5f3a')).out).toMatch(/1 of 5 members are for motion 7\./)
      expect(council.support).toHaveBeenLastCalledWith(expect.anything(), 'council', { act, ballot: BALLOT })
    }
    vi.mocked(confirm).mockResolvedValue(false)
    const { err, exitCode } = await run('veto', '0x5f3a', '--committee')
    expect(confirm).toHaveBeenLastCalledWith('As a member of the committee: veto ballot 0x5f3a0000?')
    expect([err, exitCode]).toEqual([expect.stringMatching(/Nothing was sent/), 1])
    expect(council.support).toHaveBeenCalledTimes(3)
  })

  it('says that a motion is carried, whatever else is open', async () => {
    withMotions(open(8, PAYMENT))
    expect((await run('veto', '0x5f3a')).out).toMatch(/Carried and done, by transaction 0x4444/)
    expect((await runJson('veto', '0x5f3a')).json).toMatchObject({
      isCarried: true,
      transaction: TRANSACTION,
    })
  })

  it('moves a payment, of a token that there is to somebody who can be', async () => {
    withMotions(open(9, PAYMENT))
    expect((await run('spend', '250', PROVIDER)).out).toMatch(/1 of 5 members are for motion 9/)
    expect(council.support).toHaveBeenLastCalledWith(expect.anything(), 'council', PAYMENT)
    await run('spend', '2.5', PROVIDER, '--token', 'USDC')
    expect(vi.mocked(council.support).mock.lastCall?.[2]).toMatchObject({ amount: 2_500_000n })
    expect((await run('spend', '1', 'bob')).err).toMatch(/bob is no address/)
    expect((await run('spend', '1', PROVIDER, '--token', 'DAI')).exitCode).toBe(1)
    expect(council.support).toHaveBeenCalledTimes(2)
  })

  it('seconds a motion of a number, and none that is not there', async () => {
    withMotions(open(3, VETO, 2))
    expect((await run('second', '3')).out).toMatch(/2 of 5 members are for motion 3/)
    expect(council.second).toHaveBeenCalledWith(expect.anything(), 'council', 3)
    const { err } = await run('second', '4', '--committee')
    expect(err).toMatch(/The committee has no motion 4 that is open[\s\S]*cloister council show --committee/)
  })

  it('seats those whom an election chose', async () => {
    vi.mocked(council.seat).mockResolvedValue(TRANSACTION)
    expect((await run('seat', '0x5f3a')).out).toContain(`Seated in the council: ${ACCOUNT}.`)
    expect((await runJson('seat', '0x5f3a')).json).toMatchObject({ members: [ACCOUNT] })
  })
})
