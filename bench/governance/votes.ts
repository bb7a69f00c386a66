import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { idOfVote, type SignedVote, type Vote, voteTypedData, writeEnvelope } from '@cloister/ballots'
import { getBallotPlaces, registerPower, send } from '@cloister/chain'
import { developmentAccount } from '@cloister/development/accounts'
import { createCloister, votes } from '@cloister/sdk'
import { note, say, table } from '@cloister/terminal'
import { erc20Abi, type Hex } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { snapshot } from '../../packages/ballots/src/testing/snapshot.ts'
import { times } from '../numbers.ts'
import { compilePeers } from '../peers/compile.ts'
import { Daemons } from './daemons.ts'
import { postAll } from './sending.ts'
import { enrol, raiseStage, type Stage, voterOf } from './voters.ts'

const CLOI = 10n ** 18n
const COUNT = Number(process.env['CLOISTER_VOTERS'] ?? 10_000)
/** Votes whose signature snapshot.js checks; each takes milliseconds. */
const CHECKED = Math.min(COUNT, 500)
const [PROPOSER, POSTER] = [7, 9]
const ROOT = join(import.meta.dirname, '../..')

/**
 * Votes a second that a hub takes (checked against the chain, written through, signed for), beside what only
 * stores them and what Snapshot's own library checks; then how long posting and auditing that many take.
 */
export async function benchVotes(): Promise<void> {
  const stage = await raiseStage()
  const folder = mkdtempSync(join(tmpdir(), 'cloister-votes-'))
  const daemons = new Daemons()
  try {
    const { chain } = stage
    const { network } = chain
    const as = (index: number) => createCloister({ network, account: developmentAccount(network, index) })
    const voters = Array.from({ length: COUNT }, (_, at) => voterOf(at))
    note(`registering ${COUNT} voters`)
    const ballot = await proposeFor(stage, voters, as(PROPOSER))
    note('signing their votes')
    const signed = await signAll(stage, ballot, voters)
    const envelopes = signed.map(writeEnvelope)

    const file = join(folder, 'network.json')
    writeFileSync(file, JSON.stringify(network))
    const words = [
      '--network',
      file,
      '--folder',
      join(folder, 'hub'),
      '--port',
      '0',
      '--requests-per-second',
      '0',
    ]
    const hub = await daemons.start([join(ROOT, 'packages/ballots/src/node/main.ts'), ...words])
    const store = await daemons.start([join(import.meta.dirname, 'store-only.ts'), join(folder, 'store')])
    const stored = await rateOf(store, envelopes)
    const taken = await rateOf(hub, envelopes)
    const checked = await checkedBySnapshot(signed.slice(0, CHECKED))
    const exported = await timed(async () => {
      const lines = (await votes.gather(as(POSTER), ballot, hub.url)).length
      if (lines !== COUNT) throw new Error(`the hub exports ${lines} votes`)
    })

    const poster = as(POSTER)
    const status = await votes.find(poster, ballot)
    let due: Awaited<ReturnType<typeof votes.plan>>['due'] = []
    const planned = await timed(async () => {
      due = (await votes.plan(poster, status, signed)).due
    })
    const posted = await timed(async () => {
      for await (const { leftOut } of votes.post(poster, status, due))
        if (leftOut.length > 0) throw new Error('a vote was left out')
    })
    const audited = await timed(async () => {
      const { isSame, counted, discrepancies } = await votes.audit(poster, ballot, signed)
      if (!isSame || counted !== COUNT || discrepancies.length > 0) throw new Error('the audit found a fault')
    })
    print({ stored, taken, checked }, { exported, planned, posted, audited })
  } finally {
    await daemons.stop()
    await stage.chain.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Registers the voters, and proposes a ballot that they have power on. */
async function proposeFor(
  stage: Stage,
  voters: readonly PrivateKeyAccount[],
  proposer: ReturnType<typeof createCloister>,
): Promise<Hex> {
  const { chain, token, pass } = stage
  await enrol(stage, compilePeers()('Enrolment'), voters, 100n * CLOI)
  const account = chain.wallet(PROPOSER)
  const transfer = { address: token, abi: erc20Abi, functionName: 'transfer' } as const
  await send(chain.wallet(0), { ...transfer, args: [account.account.address, 10_000n * CLOI] })
  await registerPower(account)
  await pass(60)
  const document = { title: 'Pay the audit', body: '', choices: [] }
  return (await votes.propose(proposer, { track: 1, kind: 'basic', document })).id
}

async function signAll(
  stage: Stage,
  proposal: Hex,
  voters: readonly PrivateKeyAccount[],
): Promise<SignedVote[]> {
  const { space } = await getBallotPlaces(stage.chain.wallet(0))
  const timestamp = await stage.now()
  const signed: SignedVote[] = []
  for (const [at, voter] of voters.entries()) {
    const rest = { reason: '', app: 'cloister', metadata: '{}' }
    const vote: Vote = { from: voter.address, space, timestamp, proposal, choice: (at % 3) + 1, ...rest }
    const signature = await voter.signTypedData(voteTypedData(vote) as never)
    signed.push({ ...vote, signature, id: idOfVote(vote) })
  }
  return signed
}

/** Votes a second, and milliseconds of the server's processor time for one. */
interface Rate {
  perSecond: number
  cpuMs: number
}

async function rateOf(server: { url: string; cpu(): number }, envelopes: readonly string[]): Promise<Rate> {
  const before = server.cpu()
  const took = await postAll(server.url, envelopes)
  const cpuMs = ((server.cpu() - before) * 1_000) / envelopes.length
  return { perSecond: (envelopes.length * 1_000) / took, cpuMs }
}

/** What Snapshot's sequencer does of each vote at least: its signature, in this process. */
async function checkedBySnapshot(signed: readonly SignedVote[]): Promise<Rate> {
  const before = process.cpuUsage()
  const took = await timed(async () => {
    for (const vote of signed) {
      const { data } = JSON.parse(writeEnvelope(vote)) as { data: never }
      const isGood = await snapshot.utils.verify(vote.from, vote.signature, data, '1')
      if (!isGood) throw new Error('snapshot.js does not take a vote of ours')
    }
  })
  const { user, system } = process.cpuUsage(before)
  return { perSecond: (signed.length * 1_000) / took, cpuMs: (user + system) / 1_000 / signed.length }
}

async function timed(act: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await act()
  return performance.now() - begun
}

function print(
  { stored, taken, checked }: Record<'stored' | 'taken' | 'checked', Rate>,
  took: Record<'exported' | 'planned' | 'posted' | 'audited', number>,
): void {
  const rate = (what: string, { perSecond, cpuMs }: Rate) => [
    what,
    perSecond.toFixed(0),
    times(perSecond, checked.perSecond),
    cpuMs.toFixed(2),
  ]
  const numbers = ['a second', 'to snapshot.js', 'CPU ms each']
  say(
    table(
      ['votes', ...numbers],
      [
        rate('taken by the hub: checked, stored, signed for', taken),
        rate('signature checked by snapshot.js 0.17.5, nothing else', checked),
        rate('stored by a server that checks nothing', stored),
      ],
      numbers,
    ),
  )
  const alone = (COUNT * 1_000) / checked.perSecond
  const seconds = (what: string, ms: number) => [what, `${(ms / 1_000).toFixed(1)} s`, times(ms, alone)]
  const columns = ['time', 'to their signatures in snapshot.js']
  say(
    table(
      [`of ${COUNT.toLocaleString('en')} votes`, ...columns],
      [
        seconds('all of them exported by the hub, and read', took.exported),
        seconds('plan what to post', took.planned),
        seconds('post', took.posted),
        seconds('audit', took.audited),
        seconds('their signatures checked by snapshot.js', alone),
      ],
      columns,
    ),
  )
}
