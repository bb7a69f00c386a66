// Ballots from the proposal to the count, on a real chain: votes that snapshot.js casts at a real hub, which
// is killed, and that a stranger posts.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Kind, parseVotes, type RawChoice, type SignedVote } from '@cloister/ballots'
import { BALLOTS_ABI, delegate, type Network, TRACKS_ABI, type Wallet } from '@cloister/chain'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { type Cloister, createCloister, votes } from '@cloister/sdk'
import {
  type Abi,
  type Account,
  type Address,
  encodeDeployData,
  erc20Abi,
  getContractAddress,
  type Hex,
  keccak256,
  type LocalAccount,
  toHex,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BALLOTS_BYTECODE, TRACKS_BYTECODE } from '../contracts/deploy/generated/bytecode.ts'
import { EtherWallet, snapshot } from '../packages/ballots/src/testing/snapshot.ts'

const CLOI = 10n ** 18n
const DAY = 86_400
const SPACE = 'cloister.eth'
/** Whose keys only this test knows: voters with CLOI that they registered, and one who never did. */
const KEYS = Array.from({ length: 12 }, (_, at) => keccak256(toHex(`voter ${at}`)))
const NEVER = keccak256(toHex('never registered'))
/** Development accounts. */
const [PROVIDER, DELEGATOR, PROPOSER, STRANGER] = [5, 6, 7, 9]

let chain: DevelopmentChain
let network: Network
let folder: string
const daemons: ChildProcess[] = []

const as = (account: Account): Cloister => createCloister({ network, account })
const dev = (index: number) => as(chain.wallet(index).account)
const rpc = (method: string, ...params: unknown[]) =>
  chain.wallet(0).client.request({ method, params } as never)

async function deploy(wallet: Wallet, abi: Abi, bytecode: Hex, args: unknown[]): Promise<Address> {
  const data = encodeDeployData({ abi, bytecode, args })
  const hash = await wallet.wallet.sendTransaction({
    account: wallet.account,
    chain: null,
    data,
    gas: 8_000_000n,
  })
  const receipt = await wallet.client.waitForTransactionReceipt({ hash })
  expect(receipt.status).toBe('success')
  return receipt.contractAddress as Address
}

/** Starts the hub as its operator does, and waits until it takes votes. */
async function startDaemon(name: string, ...more: string[]): Promise<{ url: string; child: ChildProcess }> {
  const main = join(import.meta.dirname, '../packages/ballots/src/node/main.ts')
  const words = [
    '--network',
    join(folder, 'network.json'),
    '--folder',
    join(folder, name),
    '--port',
    '0',
    ...more,
  ]
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  daemons.push(child)
  for await (const piece of child.stdout ?? []) {
    const url = /taking votes at (http:\S+?);/.exec(String(piece))?.[1]
    if (url !== undefined) return { url, child }
  }
  throw new Error('the hub did not start')
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-ballots-'))
  chain = await startDevelopmentChain()
  const deployer = chain.wallet(0)
  const safe = chain.wallet(8).account.address
  const rules = {
    bond: 10n * CLOI,
    minPower: CLOI,
    votingPeriod: DAY,
    confirmPeriod: 3_600,
    timelock: 22 * DAY,
    approvalStart: 9_000,
    approvalEnd: 5_000,
    supportStart: 1_000,
    supportEnd: 0,
    approvalAgain: 6_000,
    supportAgain: 10,
  }
  const token = chain.network.tokens.find(({ symbol }) => symbol === 'CLOI')?.address as Address
  // Tracks charge what ballots tell them, which are the next contract but one.
  const nonce = await deployer.client.getTransactionCount({ address: deployer.account.address })
  const next = getContractAddress({ from: deployer.account.address, nonce: BigInt(nonce + 1) })
  const tracks = await deploy(deployer, TRACKS_ABI as Abi, TRACKS_BYTECODE, [
    safe,
    next,
    chain.network.contracts.grants,
    Array(8).fill(rules),
    [],
    [],
  ])
  const parts = {
    token,
    power: chain.deployment.addresses['power'],
    tracks,
    safe,
    council: safe,
    committee: safe,
    space: SPACE,
  }
  const ballots = await deploy(deployer, BALLOTS_ABI as Abi, BALLOTS_BYTECODE, [parts])
  network = { ...chain.network, contracts: { ...chain.network.contracts, ballots } }
  writeFileSync(join(folder, 'network.json'), JSON.stringify(network))
  for (const [at, key] of [...KEYS, NEVER].entries()) {
    const { address } = privateKeyToAccount(key)
    await rpc('anvil_setBalance', address, toHex(10n ** 18n))
    await pay(token, address, BigInt(at + 1) * 100n * CLOI)
  }
  for (const index of [PROVIDER, DELEGATOR, PROPOSER])
    await pay(token, chain.wallet(index).account.address, 1_000n * CLOI)
  for (const key of KEYS) await votes.register(as(privateKeyToAccount(key)))
  const provider = chain.wallet(PROVIDER).account.address
  await delegate(chain.wallet(PROVIDER), provider, 100n * CLOI)
  await delegate(chain.wallet(DELEGATOR), provider, 40n * CLOI + 7n)
  await votes.register(dev(PROPOSER))
  await rpc('evm_increaseTime', 60)
  await rpc('evm_mine')
})
afterAll(async () => {
  for (const child of daemons) child.kill('SIGKILL')
  await chain?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function pay(token: Address, to: Address, amount: bigint): Promise<void> {
  const { wallet, client, account } = chain.wallet(0)
  const hash = await wallet.writeContract({
    address: token,
    abi: erc20Abi,
    functionName: 'transfer',
    args: [to, amount],
    account,
    chain: null,
  })
  await client.waitForTransactionReceipt({ hash })
}

const now = async () => Number((await chain.wallet(0).client.getBlock()).timestamp)
/** Casts with snapshot.js as it is on npm, and a wallet of ethers'. */
const cast = (url: string, key: Hex, proposal: Hex, choice: number) =>
  castWith(url, new EtherWallet(key), new EtherWallet(key).address, proposal, choice)
/** The same with another wallet. */
async function castWith(url: string, signer: unknown, address: string, proposal: Hex, choice: number) {
  const message = { space: SPACE, proposal, type: 'basic', choice, timestamp: await now(), reason: 'to try' }
  return new snapshot.Client712(url).vote(signer as never, address, message as never)
}
async function castAs(url: string, index: number, proposal: Hex, choice: number) {
  const { account } = chain.wallet(index)
  const signer = {
    _signTypedData: (domain: object, types: object, message: object) =>
      (account as LocalAccount).signTypedData({ domain, types, primaryType: 'Vote', message } as never),
  }
  return castWith(url, signer, account.address, proposal, choice)
}

it('is proposed, voted on through snapshot.js, survives its hub, is posted by a stranger and audited', async () => {
  const first = await startDaemon('first')
  network = { ...network, hubUrl: first.url }
  const { id, isPublished } = await votes.propose(dev(PROPOSER), {
    track: 0,
    kind: 'basic',
    document: { title: 'Lower the fee', body: 'Because. '.repeat(200), choices: [] },
  })
  expect(isPublished).toBe(true)
  const status = await votes.find(dev(STRANGER), id.slice(0, 12))
  expect(status.ballot).toMatchObject({
    title: 'Lower the fee',
    isTextMissing: false,
    choices: ['For', 'Against', 'Abstain'],
  })

  for (const [at, key] of KEYS.entries()) await cast(first.url, key, id, (at % 3) + 1)
  await castAs(first.url, PROVIDER, id, 1)
  await castAs(first.url, DELEGATOR, id, 2)
  await expect(cast(first.url, NEVER, id, 1)).rejects.toMatchObject({ code: 'no-power' })
  const report = await votes.power(dev(STRANGER), status.ballot, privateKeyToAccount(NEVER).address)
  expect(report).toMatchObject({ most: 0n, reasons: [{ why: 'not-registered', amount: 1_300n * CLOI }] })

  // Killed with the last receipt just given; another hub, with nothing but the first one's export.
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  const again = await startDaemon('first')
  const other = await startDaemon('other', '--mirror', again.url)
  const exported = async (url: string) => (await fetch(`${url}/export?proposal=${id}`)).text()
  const lines = await exported(again.url)
  expect(parseVotes(lines)).toHaveLength(14)
  await expect.poll(() => exported(other.url), { timeout: 20_000 }).toBe(lines)
  const ask = async () => {
    const { proposal } = await snapshot.utils.subgraphRequest(`${other.url}/graphql`, {
      proposal: { __args: { id }, title: true, scoresExact: true, votes: true },
    })
    return proposal as { title: string; scoresExact: string[]; votes: number }
  }
  await expect.poll(async () => (await ask()).title, { timeout: 20_000 }).toBe('Lower the fee')
  const { scoresExact, votes: voters } = await ask()
  expect(voters).toBe(14)

  // A stranger posts what a file has, rows that are no good among it, and is stopped after a part.
  const stranger = dev(STRANGER)
  const found = parseVotes(lines)
  const forged = { ...(found[0] as SignedVote), from: chain.wallet(STRANGER).account.address }
  const all = [...found, forged]
  const plan = await votes.plan(stranger, status, all)
  expect(plan.leftOut).toMatchObject([{ voter: forged.from, reason: 'bad-signature' }])
  expect(plan.due).toHaveLength(14)
  for await (const { leftOut } of votes.post(stranger, status, plan.due.slice(0, 5)))
    expect(leftOut).toEqual([])
  const rest = await votes.plan(stranger, status, all)
  expect(rest).toMatchObject({ counted: 5, due: { length: 9 } })
  for await (const _ of votes.post(stranger, status, rest.due));
  expect((await votes.plan(stranger, status, all)).due).toEqual([])

  const counted = await votes.find(stranger, id)
  expect(counted.scores.map(String)).toEqual(scoresExact)
  const audit = await votes.audit(stranger, id, found)
  expect(audit).toMatchObject({ isSame: true, counted: 14, byTransaction: 0, discrepancies: [] })
  expect(audit.recomputed.scores).toEqual(counted.scores)
  expect((await votes.audit(stranger, id, found.slice(1))).discrepancies).toMatchObject([
    { what: 'no-envelope' },
  ])

  // Who is a contract, or likes to, votes by a transaction; that counts instead.
  await votes.castOnChain(dev(DELEGATOR), status.ballot, 3)
  const after = await votes.audit(stranger, id, found)
  expect(after).toMatchObject({ isSame: true, counted: 14, byTransaction: 1 })

  // Whoever votes follows the vote to the hub and to the chain.
  network = { ...network, hubUrl: again.url }
  const voter = () => as(privateKeyToAccount(KEYS[3] as Hex))
  await rpc('evm_increaseTime', 60)
  await rpc('evm_mine')
  const vote = await votes.sign(voter(), status.ballot, 2)
  const receipt = await votes.handIn(voter(), vote)
  const kept = { ...(await votes.keep(voter(), vote)), receipt }
  const followed = async () => (await votes.follow(voter(), [kept]))[0]
  expect(await followed()).toEqual({ kept, receipt: 'good', hub: 'kept', chain: 'not-posted' })
  const news = await votes.plan(stranger, status, await votes.gather(voter(), id))
  for await (const _ of votes.post(stranger, status, news.due));
  expect(await followed()).toMatchObject({ chain: 'counted' })
  await votes.castOnChain(voter(), status.ballot, 1)
  expect(await followed()).toMatchObject({ hub: 'kept', chain: 'replaced' })
  expect(await votes.follow({ ...voter(), network: { ...network, chainId: 2 } }, [kept])).toEqual([])

  // The same hub, without what it signed for; and one of another key than the network names.
  mkdirSync(join(folder, 'emptied'))
  copyFileSync(join(folder, 'first/hub-key'), join(folder, 'emptied/hub-key'))
  const { url } = await startDaemon('emptied')
  const [withheld, unsigned] = await votes.follow(voter(), [
    { ...kept, hub: url },
    { ...kept, hub: url, receipt: { ...receipt, receivedAt: receipt.receivedAt + 1 } },
  ])
  expect(withheld).toMatchObject({ receipt: 'good', hub: 'withheld' })
  expect(unsigned).toMatchObject({ receipt: 'bad', hub: 'not-signed-for' })
  const hubKeys = [{ key: chain.wallet(STRANGER).account.address, since: 0 }]
  network = { ...network, hubKeys }
  expect(await followed()).toMatchObject({ receipt: 'other-key', hub: 'kept' })
  const later = await votes.sign(voter(), status.ballot, 3)
  await expect(votes.handIn(voter(), later)).rejects.toThrow(`signs with ${hubKeys[0]?.key}`)
  network = { ...network, hubKeys: [{ key: receipt.hub, since: 0 }] }
  await rpc('evm_increaseTime', 60)
  await rpc('evm_mine')
  await votes.handIn(voter(), await votes.sign(voter(), status.ballot, 3))
})

it('is counted as Snapshot counts, whatever its kind', async () => {
  const { url } = await startDaemon('kinds')
  network = { ...network, hubUrl: url }
  const cases: [Kind, string[], RawChoice[]][] = [
    ['approval', ['a', 'b', 'c'], [[1], [1, 3], [2]]],
    ['weighted', ['a', 'b', 'c'], ['{"1":1,"2":1,"3":1}', '{"3":65535}', '{"2":3,"1":7}']],
    [
      'ranked-choice',
      ['a', 'b', 'c', 'd'],
      [
        [3, 1, 2, 4],
        [3, 1, 2, 4],
        [2, 4, 3, 1],
        [1, 2, 3, 4],
      ],
    ],
  ]
  for (const [kind, choices, cast] of cases) {
    const { id } = await votes.propose(dev(PROPOSER), {
      track: 0,
      kind,
      document: { title: kind, body: '', choices },
    })
    const status = await votes.find(dev(STRANGER), id)
    const signed: SignedVote[] = []
    for (const [at, choice] of cast.entries())
      signed.push(await votes.sign(as(privateKeyToAccount(KEYS[at] as Hex)), status.ballot, choice))
    const { due } = await votes.plan(dev(STRANGER), status, signed)
    for await (const { leftOut } of votes.post(dev(STRANGER), status, due)) expect(leftOut).toEqual([])
    const audit = await votes.audit(dev(STRANGER), id, signed)
    expect(audit).toMatchObject({ isSame: true, counted: cast.length, discrepancies: [] })
    const { scores, standing } = await votes.find(dev(STRANGER), id)
    const [most = 0n, next] = [...scores].sort((one, another) => (one < another ? 1 : -1))
    expect(standing.leader).toBe(most === next ? 0 : scores.indexOf(most) + 1)
  }
})
