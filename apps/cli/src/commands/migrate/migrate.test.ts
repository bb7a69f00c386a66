import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Leaves,
  leavesOfSnapshot,
  parseClaim,
  parseLeaves,
  showAccount,
  signaturesMissing,
  takeSnapshot,
  writeLeaves,
} from '@cloister/migration'
import { migration } from '@cloister/sdk'
import { bytesToHex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  cryptoWaitReady,
  type FakeNode,
  type LegacyChainMade,
  makeLegacyChain,
  type Person,
  serveLegacyChain,
} from '../../../../../packages/migration/src/testing/index.ts'
import { confirm } from '../../ask.ts'
import { connect } from '../../context.ts'
import { ACCOUNT, fakeCloister, folderWith, TRANSACTION, typing, WORKER } from '../../testing.ts'
import { addMigrate } from './commands.ts'

let chain: LegacyChainMade
let leaves: Leaves
let node: FakeNode
let folder: string
/** Places of leaves that were claimed. */
const claimed = new Set<bigint>()

const { run, runJson } = typing(addMigrate, 'migrate')
const person = (index: number) => chain.people[index] as Person
const addressOf = ({ account }: { account: Person['account'] }) => showAccount(account, 30)

beforeAll(async () => {
  await cryptoWaitReady()
  chain = makeLegacyChain(15)
  leaves = leavesOfSnapshot(takeSnapshot(chain.state))
  node = await serveLegacyChain(chain)
})
afterAll(() => node?.stop())

beforeEach(() => {
  folder = folderWith({ 'leaves.json': writeLeaves(leaves) })
  claimed.clear()
  const answers = {
    root: () => leaves.tree.root,
    windowEnd: () => 2_000_000_000n,
    isClaimed: (index: bigint) => claimed.has(index),
    vestingOf: () => [`0x${'00'.repeat(20)}`, 0n],
  }
  const readContract = async (call: { functionName: keyof typeof answers; args?: [bigint] }) =>
    answers[call.functionName](call.args?.[0] ?? 0n)
  const cloister = fakeCloister()
  const network = { ...cloister.network, contracts: { ...cloister.network.contracts, claims: WORKER } }
  const wallet = { ...cloister.wallet, network }
  vi.mocked(connect).mockReturnValue({
    ...cloister,
    network,
    wallet,
    chain: { network, client: { readContract } },
  } as never)
})

const given = () => ['--leaves', join(folder, 'leaves.json')]

describe('migrate check', () => {
  it('says what a legacy account owned, what it gets, and whether that was claimed', async () => {
    const who = person(0)
    const { out } = await run('check', addressOf(who), ...given())
    expect(out).toContain(`Legacy account ${addressOf(who)} (phala), ${who.account}`)
    expect(out).toMatch(/Owned 100 PHA \(legacy, 12 decimals\) = 100 CLOI \(new, 18 decimals\)/)
    expect(out).toContain('not claimed')
    for (const { index } of leaves.of(who.account)) claimed.add(BigInt(index))
    const { json } = await runJson('check', who.account, ...given())
    expect(json).toMatchObject({ legacyAmount: '100000000000000', leaves: [{ isClaimed: true }] })
    expect(json.claimed).toBe(json.amount)
  })

  it('says what vests, who controls an account, and who has nothing', async () => {
    const vesting = await run('check', addressOf(chain.vesting.person), ...given())
    expect(vesting.out).toMatch(/CLOI that vest until 20\d\d-\d\d-\d\d: not claimed/)
    const shared = await run('check', chain.shared.account, ...given())
    expect(shared.out).toContain(
      `Any one of these can claim it: ${chain.shared.members.map(addressOf).join(', ')}`,
    )
    expect((await run('check', `0x${'77'.repeat(32)}`, ...given())).out).toContain('nothing to claim')
  })

  it('says what a new address was paid', async () => {
    vi.mocked(migration.received).mockResolvedValue([])
    expect((await run('check', ACCOUNT)).out).toContain('for no legacy account yet')
    const made = {
      account: person(0).account,
      to: ACCOUNT,
      amount: 5n * 10n ** 18n,
      paid: 10n ** 18n,
      transaction: TRANSACTION,
    }
    vi.mocked(migration.received).mockResolvedValue([made])
    expect((await run('check', ACCOUNT)).out).toMatch(/0x[0-9a-f]{64} +5 +1 +0x4/)
    expect((await runJson('check', ACCOUNT)).json).toMatchObject({
      to: ACCOUNT,
      claims: [{ paid: String(10n ** 18n) }],
    })
  })

  it('refuses other leaves than the contract’s, and what is no address', async () => {
    const other = writeLeaves(leavesOfSnapshot(takeSnapshot(makeLegacyChain(14).state)))
    writeFileSync(join(folder, 'leaves.json'), other)
    expect((await run('check', addressOf(person(0)), ...given())).err).toContain(
      'and the contract pays those of',
    )
    // A seed phrase that went to the wrong place isn't repeated.
    const words = await run('check', 'bottom drive obey lake curtain smoke', ...given())
    expect(words.err).toContain('That is no address')
    expect(words.err).not.toContain('bottom')
    expect((await run('check', 'me', ...given())).err).toContain('"me" is no address of a Substrate chain.')
    expect((await run('check', addressOf(person(0)), '--leaves', '/nowhere')).err).toContain(
      'can not be read',
    )
  })
})

describe('migrate claim', () => {
  beforeEach(() => {
    vi.mocked(migration.send).mockResolvedValue({ transactions: [TRANSACTION], amount: 1n })
  })

  const file = () => join(folder, 'claim.json')

  it('signs with a seed phrase and sends, after it has asked', async () => {
    const who = person(0)
    vi.stubEnv('CLOISTER_LEGACY_PHRASE', who.seed)
    onTestFinished(() => void vi.unstubAllEnvs())
    vi.mocked(confirm).mockResolvedValue(false)
    expect((await run('claim', '--phrase', ...given())).out).toContain('Nothing was sent.')
    expect(migration.send).not.toHaveBeenCalled()
    vi.mocked(confirm).mockResolvedValue(true)
    const { out } = await run('claim', '--phrase', ...given())
    expect(out).toContain('Claims 100 PHA (legacy, 12 decimals) = 100 CLOI (new, 18 decimals)')
    expect(out).toContain(`Claimed: ${TRANSACTION}`)
    const [, sent] = vi.mocked(migration.send).mock.lastCall ?? []
    expect(sent).toMatchObject({ account: who.account, to: ACCOUNT, signature: { scheme: 1 } })
    const wrong = await run('claim', '--scheme', 'rsa', '--phrase')
    expect(wrong.err).toContain('--scheme is one of')
  })

  it('prints the text for other wallets, and takes the signature they give', async () => {
    const who = person(1)
    const asked = await run('claim', addressOf(who), '--to', WORKER, ...given(), '--save', file())
    const text = asked.out.split('\n').find((line) => line.startsWith('<Bytes>')) ?? ''
    expect(text).toContain(`to ${WORKER.toLowerCase()} on chain 1 by`)
    const { json } = await runJson('claim', addressOf(who), '--to', WORKER, ...given())
    expect(json).toMatchObject({ text, missing: 1 })
    const signed = await run('claim', '--file', file(), '--signature', who.sign(text), '--save', file())
    expect(signed.out).toContain(
      `Anybody can send it, and pays the gas: \`cloister migrate claim --send ${file()}\``,
    )
    expect((await runJson('claim', '--send', file())).json).toMatchObject({ transactions: [TRANSACTION] })
    const wrong = await run('claim', '--file', file(), '--signature', person(4).sign(text))
    expect(wrong.err).toContain('That is no signature of')
  })

  it('gathers the signatures of a multisig account', async () => {
    const { account, members } = chain.multisig
    const names = members.map(addressOf)
    const begun = await run(
      'claim',
      account,
      '--members',
      ...names,
      '--threshold',
      '2',
      ...given(),
      '--save',
      file(),
    )
    expect(begun.out).toContain('To be signed by 2 more of the members')
    const text = begun.out.split('\n').find((line) => line.startsWith('<Bytes>')) ?? ''
    const [first, second] = members as [Person, Person]
    const one = await run(
      'claim',
      '--file',
      file(),
      '--signature',
      first.sign(text),
      '--signer',
      addressOf(first),
    )
    expect(one.out).toContain('To be signed by 1 more of the members')
    vi.stubEnv('CLOISTER_LEGACY_PHRASE', second.seed)
    onTestFinished(() => void vi.unstubAllEnvs())
    // Whoever has a file from others sees whom it pays before a key signs that.
    const words = ['claim', '--file', file(), '--phrase', '--scheme', second.scheme, '--save', file()]
    vi.mocked(confirm).mockResolvedValue(false)
    const shown = await run(...words)
    expect(shown.out).toContain(text)
    expect(shown.out).toContain('Nothing was signed.')
    expect(vi.mocked(confirm).mock.lastCall).toEqual([`Are the CLOI to go to ${ACCOUNT}?`, 'no'])
    expect(signaturesMissing(parseClaim(readFileSync(file(), 'utf8')))).toBe(1)
    expect(JSON.stringify((await runJson(...words)).json)).toContain(`Nobody said yet that ${ACCOUNT} is to`)
    expect((await run(...words, '--to', WORKER)).err).toContain('says itself whom it pays')
    await run(...words, '--to', ACCOUNT)
    expect(signaturesMissing(parseClaim(readFileSync(file(), 'utf8')))).toBe(0)
    const elsewhere = readFileSync(file(), 'utf8').replace('"chainId": 1,', '"chainId": 2,')
    writeFileSync(file(), elsewhere.replace(/"signed": \[[\s\S]*\]/, '"signed": []'))
    expect((await run(...words, '--yes')).err).toContain('on chain 2, not for')
    const wrong = await run('claim', account, '--members', ...names, '--threshold', '4', ...given())
    expect(wrong.err).toContain('a --threshold up to their number')
  })

  it('opens a keystore, and refuses what names no account, address or file', async () => {
    const keystore = join(folder, 'keystore.json')
    writeFileSync(keystore, '{}')
    vi.stubEnv('CLOISTER_LEGACY_PASSWORD', '')
    onTestFinished(() => void vi.unstubAllEnvs())
    expect((await run('claim', '--keystore', keystore)).err).toContain('no keystore of a Substrate wallet')
    expect((await run('claim')).err).toContain('Whose tokens are to be claimed is not said.')
    const to = await run('claim', addressOf(person(0)), '--to', '0x12', ...given())
    expect(to.err).toContain('0x12 is no address on the new chain.')
    expect((await run('claim', '--send', keystore)).err).toContain('The claim can not be used')
  })
})

describe('migrate release', () => {
  it('pays what has vested', async () => {
    const { person: who } = chain.vesting
    vi.mocked(migration.release).mockResolvedValue([TRANSACTION])
    expect((await run('release', addressOf(who), ...given())).out).toContain(`Paid: ${TRANSACTION}`)
    vi.mocked(migration.release).mockResolvedValue([])
    expect((await run('release', addressOf(who), ...given())).out).toContain('nothing was claimed that vests')
    expect((await runJson('release', addressOf(who), ...given())).json).toMatchObject({ transactions: [] })
  })
})

describe('migrate snapshot', () => {
  it('reads a chain at a block, proves it, and writes leaves and books', async () => {
    const output = join(folder, 'snapshot')
    const words = [
      'snapshot',
      '--rpc',
      node.url,
      '--block',
      String(Number(chain.header.number)),
      '-o',
      output,
    ]
    const { out } = await run(...words)
    expect(out).toContain(`Root of the leaves: ${leaves.tree.root}`)
    expect(out).toContain('made anew from every pair of the state')
    expect(out).toContain('| difference | 0 units |')
    const text = readFileSync(join(output, 'leaves.json'), 'utf8')
    expect(parseLeaves(text).tree.root).toBe(leaves.tree.root)
    // Again, by its hash: what was read is there.
    node.requests.clear()
    const again = await runJson(...words.with(4, chain.blockHash))
    expect(again.json).toMatchObject({
      root: leaves.tree.root,
      blockHash: chain.blockHash,
      isVerified: true,
      difference: '0',
    })
    expect(node.requests.get('state_getKeysPaged')).toBeUndefined()
    expect(readFileSync(join(output, 'leaves.json'), 'utf8')).toBe(text)
    expect(readFileSync(join(output, 'left-out.csv'), 'utf8')).toContain('the old chain’s treasury')
  })

  it('takes a state that a node exported, and says that nothing proves it', async () => {
    const top = Object.fromEntries(chain.pairs.map((pair) => pair.map((bytes) => bytesToHex(bytes))))
    const state = join(folder, 'state.json')
    writeFileSync(state, JSON.stringify({ genesis: { raw: { top } } }))
    const { json } = await runJson('snapshot', '--state', state, '-o', join(folder, 'from-file'))
    expect(json).toMatchObject({
      root: leaves.tree.root,
      isVerified: false,
      stateRoot: chain.header.stateRoot,
    })
  })

  it('refuses a state that is not the block’s, and what doesn’t go together', async () => {
    node.tamper = (method, _, truth) =>
      method === 'state_getKeysPaged' ? (truth as string[]).filter((_key, at) => at !== 3) : undefined
    onTestFinished(() => void (node.tamper = undefined))
    const output = join(folder, 'lied')
    const { err } = await run('snapshot', '--rpc', node.url, '--block', chain.blockHash, '-o', output)
    expect(err).toContain('not the state of that block')
    expect((await run('snapshot', '-o', output)).err).toContain(
      'Say --rpc URL --block BLOCK, or --state FILE.',
    )
    expect((await run('snapshot', '--rpc', node.url, '-o', output)).err).toContain('go together')
    const block = await run('snapshot', '--rpc', node.url, '--block', 'last', '-o', output)
    expect(block.err).toContain('neither a block’s hash nor its number')
  })
})
