// The token's way from an old chain into the treasury's grants: a snapshot, claims, stake, ballots, a council
// that vetoes and then is gone. CLOISTER_PEOPLE and CLOISTER_VOTERS make it larger: 10000 and 300, say.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ChainSource } from '@cloister/ballots'
import { type RunningHub, startHub } from '@cloister/ballots/node'
import {
  delegate,
  findToken,
  getBallotPlaces,
  getTokenBalance,
  MARKET_ABI,
  type Network,
} from '@cloister/chain'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { parseLeaves } from '@cloister/migration'
import { type BallotStatus, createCloister, votes } from '@cloister/sdk'
import {
  type Address,
  bytesToHex,
  encodeFunctionData,
  erc20Abi,
  type Hex,
  keccak256,
  type LocalAccount,
  parseAbi,
  toHex,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EtherWallet, snapshot } from '../packages/ballots/src/testing/snapshot.ts'
import {
  cryptoWaitReady,
  type LegacyChainMade,
  makeLegacyChain,
} from '../packages/migration/src/testing/index.ts'
import { commandLine, type Json, type Stage } from './embedded.ts'

const CLOI = 10n ** 18n
const DAY = 86_400
const PEOPLE = Number(process.env['CLOISTER_PEOPLE'] ?? 120)
/** Voters whose keys only this test knows. */
const COUNT = Number(process.env['CLOISTER_VOTERS'] ?? 24)
const KEYS = Array.from({ length: COUNT }, (_, at) => keccak256(toHex(`voter ${at}`)))
const VOTERS = KEYS.map((key) => privateKeyToAccount(key))
/** Those who have most: enough for any track, also of what there is once emission was collected. */
const SOME = VOTERS.slice(0, 12)
const SEATS = 7

describe('the token', () => {
  let folder: string
  let legacy: LegacyChainMade
  let chain: DevelopmentChain
  let network: Network
  let hub: RunningHub
  let stage: Pick<Stage, 'cloister' | 'json'>
  let cloi: Address

  const as = (account: LocalAccount) => createCloister({ network, account })
  const dev = (index: number) => createCloister({ network, account: chain.wallet(index).account })
  const rpc = <answer>(method: string, ...params: unknown[]) =>
    chain.wallet(0).client.request({ method, params } as never) as Promise<answer>
  const pass = async (seconds: number) => {
    await rpc('evm_increaseTime', seconds)
    await rpc('evm_mine')
  }
  const now = async () => Number((await chain.wallet(0).client.getBlock()).timestamp)
  const asStranger = (...words: string[]): Promise<Json> => stage.json(...words, '--account', 'dev9')

  beforeAll(async () => {
    await cryptoWaitReady()
    folder = mkdtempSync(join(tmpdir(), 'cloister-token-'))
    legacy = makeLegacyChain(PEOPLE, { time: Math.floor(Date.now() / 1_000) })
  })
  afterAll(async () => {
    await hub?.stop()
    await chain?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is counted on the old chain, and the new one begins with exactly that', async () => {
    const top = Object.fromEntries(legacy.pairs.map((pair) => pair.map((bytes) => bytesToHex(bytes))))
    writeFileSync(join(folder, 'state.json'), JSON.stringify({ genesis: { raw: { top } } }))
    const report = await commandLine(join(folder, 'none.json'), folder).json(
      'migrate',
      'snapshot',
      '--state',
      join(folder, 'state.json'),
      '-o',
      folder,
    )
    expect(report).toMatchObject({ difference: '0', stateRoot: legacy.header.stateRoot })
    const leaves = parseLeaves(readFileSync(join(folder, 'leaves.json'), 'utf8'))
    expect(leaves.tree.root).toBe(report.root)
    const until = BigInt(Math.floor(Date.now() / 1_000) + 4 * 365 * DAY)
    const oldChain = { root: leaves.tree.root, total: leaves.total, until }
    chain = await startDevelopmentChain(['--auto-impersonate'], { oldChain })
    network = chain.network
    cloi = findToken(network, 'CLOI').address
    const places = await getBallotPlaces(chain.wallet(0))
    hub = await startHub({
      chain: chain.wallet(0),
      source: (readText) => new ChainSource(chain.wallet(0), readText),
      ballots: places.ballots,
      space: places.space,
      folder: join(folder, 'hub'),
      host: '127.0.0.1',
      port: 0,
      warn: () => {},
      limits: { requestsPerSecond: 1_000, burst: 1_000 },
    })
    network = { ...network, hubUrl: hub.url }
    writeFileSync(join(folder, 'network.json'), JSON.stringify(network))
    stage = commandLine(join(folder, 'network.json'), folder)
  }, 240_000)

  it('is claimed with keys of each kind, and staked', async () => {
    const to = chain.wallet(5).account.address
    let owed = 0n
    for (const { scheme, seed, account } of legacy.people.slice(0, 3)) {
      const env = { CLOISTER_LEGACY_PHRASE: seed }
      const words = ['migrate', 'claim', '--phrase', '--scheme', scheme, '--to', to, '--account', 'dev9']
      await commandLine(join(folder, 'network.json'), folder, env).json(...words)
      owed += (legacy.owed.get(account) ?? 0n) * 1_000_000n
    }
    expect(await getTokenBalance(chain.wallet(0), cloi, to)).toBe(owed)
    const provider = chain.wallet(1).account.address
    await delegate(chain.wallet(1), provider, 1_000n * CLOI)
    await stage.json('stake', 'delegate', provider, '50', '--account', 'dev5')
  }, 120_000)

  it('is given a council by those who hold it, for a while', async () => {
    await endow()
    const { contracts } = network
    const election = await asVoter(0, 'propose', ...electionOf(contracts.council ?? '0x'))
    await signAndPost(election.id, (at) =>
      [...Array(SEATS).keys()].map((seat) => seat + 1).slice(0, 4 + (at % 4)),
    )
    await pass(9 * DAY)
    await asStranger('council', 'seat', election.id)
    expect((await stage.json('council', 'show')).members).toEqual(
      VOTERS.slice(0, SEATS).map(({ address }) => address),
    )
  }, 240_000)

  let fee: Json
  const feeCalls = () => {
    const path = join(folder, 'fee.json')
    const args = [cloi, true, '300']
    writeFileSync(path, JSON.stringify([{ to: 'market', function: 'setToken(address,bool,uint256)', args }]))
    return ['--track', 'parameters', '--calls', path]
  }
  const feeOf = async () => {
    const market = { address: network.contracts.market, abi: MARKET_ABI } as const
    const [, , feeBps] = await chain
      .wallet(0)
      .client.readContract({ ...market, functionName: 'termsOf', args: [cloi] })
    return feeBps
  }

  it('is voted with through snapshot.js, posted by a stranger, and vetoed once', async () => {
    fee = await asVoter(1, 'propose', '--title', 'A lower fee', ...feeCalls())
    await castByAll(fee.id, (voter) => (voter % 10 === 0 ? 2 : 1))
    await expect(castBySnapshot(keccak256(toHex('nobody')), fee.id, 1)).rejects.toMatchObject({
      code: 'no-power',
    })
    expect(await stage.json('vote', 'audit', fee.id)).toMatchObject({ isSame: true, counted: COUNT })
    await pass(9 * DAY)
    expect(await asStranger('vote', 'queue', fee.id)).toMatchObject({ state: 'queued' })
    const acts: Json[] = []
    for (let member = 0; member < 5; member++) acts.push(await asVoter(member, 'council', 'veto', fee.id))
    expect(acts.map(({ isCarried }) => isCarried)).toEqual([false, false, false, false, true])
    expect(await stage.json('vote', 'show', fee.id)).toMatchObject({ state: 'vetoed-once' })
    const refused = await stage.cloister('vote', 'execute', fee.id, '--yes', '--account', 'dev9')
    expect(refused.code).not.toBe(0)
    expect(await feeOf()).toBe(400)
  }, 300_000)

  it('passes again, and then no veto is left', async () => {
    const again = await asVoter(1, 'propose', '--title', 'A lower fee, again', ...feeCalls())
    await signAndPost(again.id, () => 1)
    await pass(9 * DAY)
    await asStranger('vote', 'queue', again.id)
    const late: number[] = []
    for (let member = 0; member < 5; member++) {
      const words = ['council', 'veto', again.id, '--yes']
      late.push((await cloisterAs(member, ...words)).code)
    }
    // Four are for it in vain; the fifth is told that it can't be.
    expect(late).toEqual([0, 0, 0, 0, 1])
    await pass(3 * DAY)
    expect(await asStranger('vote', 'execute', again.id)).toMatchObject({ state: 'executed' })
    expect(await feeOf()).toBe(300)
    // Whoever proposed has the bond back.
    await asStranger('vote', 'bond', again.id)
  }, 240_000)

  it('is granted by milestones, with nobody in the council, and nothing stands still', async () => {
    await pass(181 * DAY)
    expect((await stage.json('council', 'show')).members).toEqual([])
    // A quarter of what comes is the community pool's from then on.
    const sharing = join(folder, 'share.json')
    writeFileSync(
      sharing,
      JSON.stringify([{ to: 'splitter', function: 'setShare(uint256)', args: ['2500'], announced: true }]),
    )
    const share = ['--title', 'A community pool', '--track', 'parameters', '--calls', sharing]
    await carryThrough(share, { timelock: 22 * DAY })
    await asStranger('grants', 'collect')
    const { safe } = network.contracts
    const treasury = await getTokenBalance(chain.wallet(0), cloi, safe)
    const income = await poolOf()
    expect(income.income).toBeGreaterThan(1_500n * CLOI)
    expect(income.free).toBe(income.income)
    // To the unit, where less than three quarters of one is the treasury's.
    expect((treasury + income.income) / 4n).toBe(income.income)
    const grantee = chain.wallet(6).account.address
    const begun = await now()
    const day = (days: number) => new Date((begun + days * DAY) * 1_000).toISOString().slice(0, 10)
    const milestones = [`1000 by ${day(300)} over 10d`, `500 by ${day(80)}`]
    const granting = ['--grant', grantee, '--milestone', ...milestones]
    await carryThrough(['--title', 'An audit', '--track', 'small', ...granting], { vote: castByAll })
    expect(await poolOf()).toMatchObject({ free: income.free - 1_500n * CLOI, reserved: 1_500n * CLOI })
    const confirming = join(folder, 'confirm.json')
    writeFileSync(
      confirming,
      JSON.stringify([{ to: 'grants', function: 'confirm(uint256,uint256)', args: ['1', '0'] }]),
    )
    // To confirm takes as many as give the largest grants.
    await carryThrough(['--title', 'The audit is there', '--track', 'large', '--calls', confirming])
    await pass(20 * DAY)
    const before = await getTokenBalance(chain.wallet(0), cloi, grantee)
    await asStranger('grants', 'withdraw', '1')
    expect((await getTokenBalance(chain.wallet(0), cloi, grantee)) - before).toBe(1_000n * CLOI)
    // Nobody confirmed the other one in time: it goes back.
    await pass(60 * DAY)
    await asStranger('grants', 'send-back', '1')
    expect((await stage.json('grants', 'show', '1')).milestones).toMatchObject([
      { paid: String(1_000n * CLOI) },
      { amount: '0' },
    ])
    // To the pool, which it came from; the treasury has paid nothing.
    expect(await poolOf()).toEqual({
      free: income.free - 1_000n * CLOI,
      reserved: 0n,
      paid: 1_000n * CLOI,
      returned: 500n * CLOI,
      income: income.income,
    })
    expect(await getTokenBalance(chain.wallet(0), cloi, safe)).toBe(treasury)
  }, 300_000)

  it('is spent no faster than its track may, however many ballots pass', async () => {
    const payee = chain.wallet(8).account.address
    const data = encodeFunctionData({
      abi: erc20Abi,
      functionName: 'transfer',
      args: [payee, 40_000n * CLOI],
    })
    const calls = [{ target: cloi, value: 0n, data, announced: false }]
    const passed: BallotStatus[] = []
    for (const [nth, account] of VOTERS.slice(0, 3).entries()) {
      const document = { title: `Pay ${nth}`, body: '', choices: [] }
      const { id } = await votes.propose(as(account), { track: 1, kind: 'basic', document, calls })
      passed.push(await signAndPost(id, () => 1))
    }
    await pass(7 * DAY)
    for (const status of passed) await votes.queue(dev(9), status)
    await pass(3 * DAY)
    for (const status of passed.slice(0, 2)) await votes.execute(dev(9), status)
    const last = passed[2]?.ballot.id ?? '0x'
    const refused = await stage.cloister('vote', 'execute', last, '--yes', '--account', 'dev9')
    expect(refused.stderr).toMatch(/may move 20000000000000000000000 units/)
    const { budget } = await stage.json('vote', 'show', last)
    expect(budget).toMatchObject([{ left: String(20_000n * CLOI), window: 7 * DAY }])
    await pass(budget[0].fitsAt - (await now()))
    expect(await asStranger('vote', 'execute', last)).toMatchObject({ state: 'executed' })
    expect(await getTokenBalance(chain.wallet(0), cloi, payee)).toBe(120_000n * CLOI)
  }, 240_000)

  /** What the community pool has of CLOI. */
  async function poolOf() {
    const { tokens } = await stage.json('grants', 'pool')
    const found = tokens.find(({ symbol }: Json) => symbol === 'CLOI')
    const names = ['free', 'reserved', 'paid', 'returned', 'income'] as const
    return Object.fromEntries(names.map((name) => [name, BigInt(found[name])])) as Record<
      (typeof names)[number],
      bigint
    >
  }

  /** Gives each voter CLOI and ether, and registers it; all at once, since nobody waits for a block. */
  async function endow(): Promise<void> {
    const from = chain.wallet(0).account.address
    const gas = toHex(300_000)
    for (const [at, { address }] of VOTERS.entries()) {
      const amount = (at < SOME.length ? 500_000n : 2_000n) * CLOI
      await rpc('anvil_setBalance', address, toHex(10n ** 18n))
      const pay = encodeFunctionData({
        abi: erc20Abi,
        functionName: 'transfer',
        args: [address, amount],
      })
      await rpc('eth_sendTransaction', { from, to: cloi, data: pay, gas })
      const data = encodeFunctionData({ abi: DELEGATE, functionName: 'delegate', args: [address] })
      await rpc('eth_sendTransaction', { from: address, to: cloi, data, gas })
    }
    await pass(60)
  }

  const electionOf = (body: Address) => [
    ...['--title', 'The first council', '--track', 'election', '--kind', 'approval', '--council', body],
    ...['--candidate', ...VOTERS.slice(0, SEATS).map(({ address }) => address)],
    ...['--choice', ...[...Array(SEATS).keys()].map((seat) => `voter ${seat}`)],
  ]

  /** Runs a command as one of the voters, whose key is imported the first time. */
  async function cloisterAs(voter: number, ...words: string[]) {
    const home = join(folder, `voter-${voter}`)
    mkdirSync(home, { recursive: true })
    const env = { CLOISTER_PRIVATE_KEY: KEYS[voter] }
    const line = commandLine(join(folder, 'network.json'), home, env)
    await line.cloister('wallet', 'import')
    return line.cloister(...words)
  }

  async function asVoter(voter: number, ...words: string[]): Promise<Json> {
    const all = words[0] === 'propose' ? ['vote', ...words] : words
    const { code, stdout, stderr } = await cloisterAs(voter, ...all, '--json')
    if (code !== 0) throw new Error(`cloister ${all.join(' ')}: ${stdout}${stderr}`)
    return JSON.parse(stdout)
  }

  /** Casts a vote as snapshot.js does it, with the chain's time. */
  async function castBySnapshot(key: Hex, proposal: Hex, choice: number): Promise<void> {
    const { space } = await getBallotPlaces(chain.wallet(0))
    const signer = new EtherWallet(key)
    const message = { space, proposal, type: 'basic', choice, timestamp: await now(), reason: '' }
    await new snapshot.Client712(hub.url).vote(signer as never, signer.address, message as never)
  }

  /** All voters vote through snapshot.js, and a stranger posts what the hub has. */
  async function castByAll(id: Hex, choiceOf: (voter: number) => number): Promise<void> {
    for (const [at, key] of KEYS.entries()) await castBySnapshot(key, id, choiceOf(at))
    expect(await asStranger('vote', 'post', id)).toMatchObject({ posted: COUNT, leftOut: [] })
  }

  /** Some voters sign, and a stranger posts. */
  async function signAndPost(id: Hex, choiceOf: (voter: number) => number | number[]): Promise<BallotStatus> {
    const status = await votes.find(dev(9), id)
    const signed = []
    for (const [at, account] of SOME.entries())
      signed.push(await votes.sign(as(account), status.ballot, choiceOf(at)))
    const { due, leftOut } = await votes.plan(dev(9), status, signed)
    expect(leftOut).toEqual([])
    for await (const batch of votes.post(dev(9), status, due)) expect(batch.leftOut).toEqual([])
    return status
  }

  /** Proposes, votes, waits, queues and executes. */
  async function carryThrough(
    what: string[],
    { timelock = 8 * DAY, vote = signAndPost as (id: Hex, choiceOf: () => number) => Promise<unknown> } = {},
  ): Promise<void> {
    const { id } = await asVoter(2, 'propose', ...what)
    await vote(id, () => 1)
    // As long as the track that takes longest.
    await pass(16 * DAY)
    await asStranger('vote', 'queue', id)
    await pass(timelock)
    expect(await asStranger('vote', 'execute', id)).toMatchObject({ state: 'executed' })
  }
})

const DELEGATE = parseAbi(['function delegate(address to)'])
