import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  idOfVote,
  type KeptVote,
  parseVotes,
  publishDocument,
  type Receipt,
  type SignedVote,
} from '@cloister/ballots'
import {
  type BallotState,
  GRANTS_ABI,
  getBallotNeeds,
  getBudgetUse,
  getTokenBalance,
  getTrack,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type BallotStatus, votes } from '@cloister/sdk'
import { decodeFunctionData, zeroAddress } from 'viem'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import {
  ACCOUNT,
  CLOI,
  CLOI_TOKEN,
  fakeCloister,
  folderWith,
  PROVIDER,
  TRANSACTION,
  typing,
  WORKER,
} from '../../testing.ts'
import { addVote } from './commands.ts'

const { run, runJson } = typing(addVote, 'vote')
const ID = `0x${'5f3a'.padEnd(64, '0')}` as const
const START = 1_800_000_000
const DAY = 86_400
const RULES = {
  bond: 100n * CLOI,
  minPower: CLOI,
  votingPeriod: 7 * DAY,
  confirmPeriod: DAY,
  timelock: 2 * DAY,
  approvalStart: 9_000,
  approvalEnd: 5_000,
  supportStart: 1_000,
  supportEnd: 100,
  approvalAgain: 6_000,
  supportAgain: 500,
}
const VOTE: SignedVote = {
  id: `0x${'77'.repeat(32)}`,
  signature: `0x${'11'.repeat(65)}`,
  from: ACCOUNT,
  space: 'cloister.eth',
  timestamp: START + 5,
  proposal: ID,
  choice: 1,
  reason: '',
  app: 'cloister',
  metadata: '{}',
}

function status(state: BallotState = 'voting', changes: object = {}): BallotStatus {
  const ballot = {
    id: ID,
    proposer: PROVIDER,
    track: 1,
    kind: 'basic',
    choices: ['For', 'Against', 'Abstain'],
    title: 'Pay the audit',
    body: 'It is due.',
    contentHash: publishDocument({ title: 'Pay the audit', body: '', choices: [] }).contentHash,
    isTextMissing: false,
    proposedAt: START,
    start: START,
    end: START + 7 * DAY,
    postingEnd: START + 8 * DAY,
    powerTime: START - 1,
    ...changes,
  }
  const facts = {
    turnout: 40n * CLOI,
    electorate: 100n * CLOI,
    executableAt: START + 10 * DAY,
    isPassing: true,
  }
  const standing = { facts, state, postingEnd: ballot.postingEnd, tally: [], leader: 1, now: START + DAY }
  const call = { target: CLOI_TOKEN, value: 0n, data: '0xa9059cbb', announced: false }
  const proposed = {
    proposal: { calls: [call], candidates: [], uri: 'ipfs://bafk' },
    transaction: TRANSACTION,
  }
  return { ballot, standing, proposed, scores: [30n * CLOI, 10n * CLOI, 0n] } as unknown as BallotStatus
}

function keptOf(vote: SignedVote, receipt?: Receipt): KeptVote {
  const kept = { chainId: 1, ballots: CLOI_TOKEN, hub: 'https://hub.example', vote }
  return receipt ? { ...kept, receipt } : kept
}

const powerful = {
  parts: [{ bit: 0, kind: 'liquid' as const, worth: 5n * CLOI }],
  most: 5n * CLOI,
  reasons: [],
}

beforeEach(() => {
  vi.stubEnv('CLOISTER_HOME', folderWith())
  vi.mocked(votes.keep).mockImplementation(async (_, vote) => keptOf(vote))
  vi.mocked(connect).mockReturnValue(fakeCloister())
  vi.mocked(getBallotNeeds).mockResolvedValue({ rules: RULES, isMore: false })
  vi.mocked(confirm).mockResolvedValue(true)
  vi.mocked(votes.find).mockResolvedValue(status())
  vi.mocked(votes.power).mockResolvedValue(powerful)
  vi.mocked(getTrack).mockResolvedValue(RULES)
  vi.mocked(getBudgetUse).mockResolvedValue([])
  vi.mocked(getTokenBalance).mockResolvedValue(7n * CLOI)
})

describe('cloister vote', () => {
  it('lists what is open, with what is next', async () => {
    vi.mocked(votes.list).mockResolvedValue([status(), status('executed', { title: 'Of old' })])
    const { out } = await run('list')
    expect(out).toMatch(/0x5f3a0000 .*Pay the audit.*treasury, small.*voting.*signed for 6d more/)
    expect(out).not.toMatch(/Of old/)
    expect((await runJson('list', '--all')).json.ballots).toHaveLength(2)
  })

  it('shows a ballot with bars, curves, times and power', async () => {
    const { out } = await run('show', '0x5f3a')
    expect(out).toMatch(/Pay the audit[\s\S]*It is due\.[\s\S]*40\.0% of all power/)
    expect(out).toMatch(/For {6}█{15}░{5} {3}75\.0% {2}30 CLOI/)
    expect(out).toMatch(/approval .*has 75\.0%, needs 50\.0% at the end/)
    expect(out).toMatch(/Power of 0x15d34A.*: 5 CLOI/)
    expect((await runJson('show', ID)).json).toMatchObject({
      state: 'voting',
      power: { most: String(5n * CLOI) },
    })
  })

  it('says that more is needed where it was hastened or vetoed before', async () => {
    vi.mocked(getBallotNeeds).mockResolvedValue({ rules: RULES, isMore: true })
    const { out } = await run('show', ID)
    expect(out).toMatch(/needs 60\.0% at the end[\s\S]*needs 5\.0% at the end[\s\S]*more than usual/)
    expect((await runJson('show', ID)).json.needsMore).toBe(true)
  })

  it('says what it moves, and what it waits for where the budget of its track is used up', async () => {
    const use = { token: CLOI_TOKEN, amount: 50n * CLOI, budget: 100n * CLOI, window: 7 * DAY }
    vi.mocked(getBudgetUse).mockResolvedValue([{ ...use, left: 60n * CLOI, fitsAt: 0 }])
    expect((await run('show', ID)).out).toMatch(/moves 50 CLOI; .* 100 CLOI in any 7d, and now 60 CLOI\n/)
    const fitsAt = START + 12 * DAY
    vi.mocked(getBudgetUse).mockResolvedValue([{ ...use, left: 0n, fitsAt }])
    expect((await run('show', ID)).out).toMatch(/waits for the budget until 2027-01-27 .*others are executed/)
    expect((await runJson('show', ID)).json.budget).toMatchObject([{ left: '0', fitsAt }])
    const ether = { ...use, token: zeroAddress, fitsAt: undefined }
    vi.mocked(getBudgetUse).mockResolvedValue([{ ...ether, left: 0n }])
    expect((await run('show', ID)).out).toMatch(/moves 50 ETH[\s\S]*it will expire/)
    vi.mocked(votes.find).mockResolvedValue(status('executed'))
    expect((await run('show', ID)).out).not.toMatch(/moves/)
  })

  it('says what is next in each state', async () => {
    for (const [state, next] of [
      ['posting', /posted for 7d more/],
      ['passed', /within .*vote queue 0x5f3a0000/],
      ['queued', /call can be made in 9d, unless it is vetoed/],
      ['executable', /makes its calls within 23d: cloister vote execute/],
      ['vetoed-once', /nobody can veto them/],
      ['rejected', /vote bond/],
      ['expired', /proposed again/],
      ['executed', /bond can be paid back/],
    ] as const) {
      vi.mocked(votes.find).mockResolvedValue(status(state))
      expect((await run('show', ID)).out).toMatch(next)
    }
  })

  it('casts a vote, hands it in and names its receipt', async () => {
    vi.mocked(votes.sign).mockResolvedValue(VOTE)
    const receipt = {
      vote: VOTE.id,
      content: 'bafk',
      receivedAt: START,
      hub: WORKER,
      signature: '0x12',
    } as const
    vi.mocked(votes.handIn).mockResolvedValue(receipt)
    const { out, err } = await run('cast', ID, 'for', '--reason', 'due')
    expect(err).toMatch(/Your vote: for, with 5 CLOI/)
    expect(out).toMatch(/Voted with 5 CLOI.*published it as bafk/)
    expect(votes.sign).toHaveBeenCalledWith(expect.anything(), expect.anything(), 1, {
      reason: 'due',
      app: 'cloister',
    })
    expect((await runJson('cast', ID, '2')).json).toMatchObject({ receipt: { content: 'bafk' } })
    const folder = folderWith()
    await run('cast', ID, 'against', '--save', join(folder, 'votes'))
    expect(parseVotes(readFileSync(join(folder, 'votes'), 'utf8'))).toHaveLength(1)
    vi.mocked(votes.castOnChain).mockResolvedValue(TRANSACTION)
    expect((await run('cast', ID, '1', '--transaction')).out).toMatch(/Voted by transaction/)
  })

  it('keeps what was signed and the receipt, and shows a hub that withholds what it signed for', async () => {
    const vote = { ...VOTE, id: idOfVote(VOTE) }
    const receipt = {
      vote: vote.id,
      content: 'bafk',
      receivedAt: START,
      hub: WORKER,
      signature: '0x12',
    } as const
    vi.mocked(votes.sign).mockResolvedValue(vote)
    vi.mocked(votes.follow).mockImplementation(async (_, all) =>
      all.map((kept) => ({ kept, receipt: 'none', hub: 'not-signed-for', chain: 'not-posted' })),
    )
    expect((await run('receipts')).out).toMatch(/No vote was cast from here/)
    // A hub whose answer never comes: the vote is kept all the same.
    vi.mocked(votes.handIn).mockRejectedValueOnce(new CloisterError('unreachable', 'It does not answer.'))
    expect((await run('cast', ID, 'for')).exitCode).toBe(1)
    expect((await run('receipts')).out).toMatch(/0x5f3a0000 .*hub\.example.*none came.*hasn’t it.*not posted/)
    vi.mocked(votes.handIn).mockResolvedValue(receipt)
    await run('cast', ID, 'for')
    const lately = vi.mocked(votes.follow).mock
    await run('receipts', '0x5f3a')
    expect(lately.lastCall?.[1]).toEqual([keptOf(vote, receipt)])

    vi.mocked(votes.follow).mockResolvedValue([
      { kept: keptOf(vote, receipt), receipt: 'good', hub: 'withheld', chain: 'not-posted' },
    ])
    const withheld = await run('receipts')
    expect(withheld.exitCode).toBe(1)
    expect(withheld.out).toMatch(/good +doesn’t give it +not posted/)
    expect(withheld.out).toContain(`The hub ${WORKER} signed at`)
    expect(withheld.out).toContain(JSON.stringify(receipt))
    const path = join(folderWith(), 'unposted')
    expect((await run('receipts', '--save', path)).out).toMatch(/1 of them, are in/)
    expect(parseVotes(readFileSync(path, 'utf8'))).toEqual([vote])
    expect((await runJson('receipts')).json.votes).toMatchObject([
      { id: vote.id, isReceiptGood: true, atHub: 'withheld', onChain: 'not-posted' },
    ])
  })

  it('reads choices of every kind as they are typed', async () => {
    vi.mocked(votes.sign).mockResolvedValue(VOTE)
    vi.mocked(votes.handIn).mockResolvedValue({} as never)
    const choices = ['Oak', 'Elm', 'Ash']
    for (const [kind, words, choice] of [
      ['single-choice', ['elm'], 2],
      ['approval', ['oak', '3'], [1, 3]],
      ['ranked-choice', ['3', '1', '2'], [3, 1, 2]],
      ['weighted', ['oak=70', '2=30'], '{"1":70,"2":30}'],
    ] as const) {
      vi.mocked(votes.find).mockResolvedValue(status('voting', { kind, choices }))
      await runJson('cast', ID, ...words)
      expect(votes.sign).toHaveBeenLastCalledWith(
        expect.anything(),
        expect.anything(),
        choice,
        expect.anything(),
      )
    }
    expect((await run('cast', ID, 'birch')).err).toMatch(/birch is no weight/)
  })

  it('says why there is no power before anything is signed', async () => {
    const reasons = [
      [{ why: 'not-registered', amount: CLOI }, /1 CLOI that it holds is not registered/],
      [{ why: 'registered-elsewhere', amount: CLOI, with: PROVIDER }, /registered with 0x7099/],
      [{ why: 'liquid-later', amount: CLOI }, /after power was fixed/],
      [{ why: 'staked-later', amount: CLOI }, /was staked after/],
      [{ why: 'nothing-here' }, /right account, and the right network/],
    ] as const
    for (const [reason, text] of reasons) {
      vi.mocked(votes.power).mockResolvedValue({ parts: [], most: 0n, reasons: [reason] })
      const { err, exitCode } = await run('cast', ID, 'for')
      expect(err).toMatch(text)
      expect(exitCode).toBe(1)
    }
    expect(votes.sign).not.toHaveBeenCalled()
  })

  it('proposes a grant whose terms can be, by the hash of what it is for', async () => {
    vi.mocked(votes.propose).mockResolvedValue({ id: ID, transaction: TRANSACTION, isPublished: true })
    const network = { ...fakeCloister().network, contracts: { grants: WORKER } }
    vi.mocked(connect).mockReturnValue({ ...fakeCloister(), network } as never)
    const in2Years = `${new Date().getUTCFullYear() + 2}-03-01`
    const propose = (...milestones: string[]) =>
      run('propose', '--title', 'An audit', '--grant', PROVIDER, '--milestone', ...milestones)
    await propose(`1000 by ${in2Years} over 30d`, `0.5 by ${in2Years}`)
    const [, parameters] = vi.mocked(votes.propose).mock.lastCall ?? []
    expect(parameters).toMatchObject({ track: 1, calls: [{ target: WORKER, value: 0n }] })
    const due = Date.parse(`${in2Years}T23:59:59Z`) / 1_000
    const { args } = decodeFunctionData({ abi: GRANTS_ABI, data: parameters?.calls?.[0]?.data ?? '0x' })
    expect(args).toEqual([
      PROVIDER,
      CLOI_TOKEN,
      publishDocument({ title: 'An audit', body: '', choices: [] }).contentHash,
      [
        { amount: 1_000n * CLOI, due, duration: 30 * DAY },
        { amount: CLOI / 2n, due, duration: 0 },
      ],
    ])
    expect((await propose('1000')).err).toMatch(/1000 is no milestone: it is written AMOUNT by/)
    expect((await propose('5 by 2020-01-01')).err).toMatch(/within four years from now/)
    expect((await propose(`5 by ${in2Years} over 2000d`)).err).toMatch(/at most a year/)
    expect((await propose(`0 by ${in2Years}`)).err).toMatch(/pays nothing/)
    expect((await run('propose', '--title', 'x', '--grant', PROVIDER)).err).toMatch(/of --milestone/)
    expect(votes.propose).toHaveBeenCalledTimes(1)
  })

  it('proposes payments and calls, and keeps a text that could not be published', async () => {
    vi.mocked(votes.propose).mockResolvedValue({ id: ID, transaction: TRANSACTION, isPublished: true })
    const { out } = await run('propose', '--title', 'Pay', '--pay', PROVIDER, '--amount', '5')
    expect(out).toMatch(/Proposed: ballot 0x5f3a/)
    const [, parameters] = vi.mocked(votes.propose).mock.lastCall ?? []
    expect(parameters).toMatchObject({
      track: 1,
      kind: 'basic',
      calls: [{ target: CLOI_TOKEN, announced: false }],
    })
    const calls = [
      { to: WORKER, function: 'setNoticePeriod(uint256 seconds)', args: ['3600'], announced: true },
    ]
    const folder = folderWith({ 'calls.json': JSON.stringify(calls), 'wrong.json': '[{"to": "nobody"}]' })
    await run('propose', '--title', 'Notice', '--track', 'contracts', '--calls', join(folder, 'calls.json'))
    expect(vi.mocked(votes.propose).mock.lastCall?.[1]).toMatchObject({
      track: 4,
      calls: [{ target: WORKER, announced: true }],
    })
    expect((await run('propose', '--title', 'x', '--calls', join(folder, 'wrong.json'))).err).toMatch(
      /nobody is neither/,
    )
    expect((await run('propose', '--title', 'x', '--kind', 'quadratic')).err).toMatch(/square roots/)
    expect((await run('propose', '--title', 'x', '--kind', 'approval')).err).toMatch(/at least two/)
  })

  it('publishes the text that a ballot’s hash names, and no other', async () => {
    const { json } = publishDocument({ title: 'Pay the audit', body: '', choices: [] })
    const folder = folderWith({ 'text.json': json, 'other.json': '{}' })
    vi.mocked(votes.publish).mockResolvedValue()
    expect((await run('publish', ID, join(folder, 'text.json'))).out).toMatch(/is published at ipfs/)
    expect((await run('publish', ID, join(folder, 'other.json'))).err).toMatch(/not this ballot’s text/)
  })

  it('posts what is due, and says what it left out', async () => {
    vi.mocked(votes.gather).mockResolvedValue([VOTE])
    const leftOut = [{ id: VOTE.id, voter: WORKER, reason: 'bad-signature' as const }]
    vi.mocked(votes.plan).mockResolvedValue({ due: [{ vote: VOTE, parts: 1 }], counted: 3, leftOut })
    vi.mocked(votes.post).mockImplementation(async function* () {
      yield { transaction: TRANSACTION, size: 1, gasUsed: 60_000n, leftOut: [] }
    })
    const { out } = await run('post', ID)
    expect(out).toMatch(
      /isn’t signed by its voter’s key[\s\S]*Posted 1 votes in 1 transactions, at 60000 gas each/,
    )
    vi.mocked(votes.find).mockResolvedValue(status('rejected'))
    expect((await run('post', ID)).err).toMatch(/could be posted until/)
  })

  it('carries out what passed, step by step', async () => {
    for (const [word, step] of [
      ['queue', votes.queue],
      ['execute', votes.execute],
      ['call-off', votes.callOff],
      ['bond', votes.payBond],
    ] as const) {
      vi.mocked(step).mockResolvedValue(TRANSACTION)
      expect((await runJson(word, ID)).json).toMatchObject({ transaction: TRANSACTION, state: 'voting' })
    }
    expect((await run('execute', ID)).out).toMatch(/Executed, by transaction .* Next: /)
  })

  it('audits a count, and fails where it is another', async () => {
    const sums = [30n * CLOI, 10n * CLOI, 0n]
    const audit = {
      ballot: status().ballot,
      recomputed: { sums, scores: sums, total: 40n * CLOI },
      onChain: { sums, total: 40n * CLOI },
      isSame: true,
      counted: 2,
      byTransaction: 1,
      envelopes: 1,
      discrepancies: [{ voter: WORKER, what: 'not-posted' as const }],
    }
    vi.mocked(votes.audit).mockResolvedValue(audit)
    const folder = folderWith({ 'votes.ndjson': 'nothing\n' })
    const { out, exitCode } = await run('audit', ID, '--file', join(folder, 'votes.ndjson'))
    expect(out).toMatch(/For +30 CLOI +30 CLOI[\s\S]*isn’t on the chain[\s\S]*right to the unit/)
    expect(exitCode).toBe(0)
    vi.mocked(votes.audit).mockResolvedValue({ ...audit, isSame: false })
    expect((await runJson('audit', ID, '--file', join(folder, 'votes.ndjson'))).exitCode).toBe(1)
  })

  it('registers liquid CLOI, with another account too', async () => {
    vi.mocked(votes.registration).mockResolvedValue(undefined)
    vi.mocked(votes.register).mockResolvedValue(TRANSACTION)
    expect((await run('register')).out).toMatch(/Registered: 7 CLOI votes/)
    expect((await runJson('register', '--with', PROVIDER)).json).toMatchObject({ with: PROVIDER })
    vi.mocked(votes.registration).mockResolvedValue(ACCOUNT)
    expect((await run('register')).out).toMatch(/registered already/)
  })
})
