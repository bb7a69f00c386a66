import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import {
  beginClaim,
  type Claim,
  Leaves,
  leavesOfSnapshot,
  parseClaim,
  showAccount,
  signClaim,
  takeSnapshot,
  textOfClaim,
  writeClaim,
  writeLeaves,
} from '@cloister/migration'
import { openPhrase } from '@cloister/migration/keys'
import { type Cloister, migration } from '@cloister/sdk'
import { type Address, encodeDeployData, encodeFunctionData, type Hex, parseAbi } from 'viem'
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { check as checkByCommand } from '../../../../../apps/cli/src/commands/migrate/check.ts'
import { claim as claimByCommand } from '../../../../../apps/cli/src/commands/migrate/claim.ts'
import { CLAIMS_BYTECODE, SIGNATURES_BYTECODE } from '../../../../../contracts/deploy/generated/bytecode.ts'
import {
  cryptoWaitReady,
  type LegacyChainMade,
  makeLegacyChain,
  type Person,
} from '../../../../migration/src/testing/index.ts'
import { CLAIMS_ABI } from '../../generated/claims.ts'

const ERC20 = parseAbi([
  'function balanceOf(address) view returns (uint256)',
  'function transfer(address, uint256) returns (bool)',
])
const DAY = 86_400

let chain: DevelopmentChain
let legacy: LegacyChainMade
let leaves: Leaves
let token: Address
let claims: Address
/** Somebody with gas and nothing else to do with the old chain. */
let stranger: Cloister

beforeAll(async () => {
  await cryptoWaitReady()
  chain = await startDevelopmentChain()
  const { timestamp } = await chain.wallet(0).client.getBlock()
  legacy = makeLegacyChain(15, { time: Number(timestamp) })
  leaves = withLaterParts(leavesOfSnapshot(takeSnapshot(legacy.state)), Number(timestamp))
  token = chain.network.tokens.find(({ symbol }) => symbol === 'CLOI')?.address ?? '0x'
  const windowEnd = 2_500_000_000n
  const treasury = chain.wallet(9).account.address
  const verifier = await create(SIGNATURES_BYTECODE)
  const args = [token, leaves.tree.root, treasury, windowEnd, verifier] as const
  claims = await create(encodeDeployData({ abi: CLAIMS_ABI, bytecode: CLAIMS_BYTECODE, args }))
  const data = encodeFunctionData({ abi: ERC20, functionName: 'transfer', args: [claims, leaves.total] })
  const { wallet, client } = chain.wallet(0)
  await client.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to: token, data }) })
  stranger = actingAs(5)
})
afterAll(() => chain?.stop())

it('pays holders of each kind of key in full, whoever sends their claims', async () => {
  for (const [index, person] of legacy.people.slice(0, 3).entries()) {
    const to = addressOf(index + 1)
    const claim = begin(person.account, to)
    expect(textOfClaim(claim)).toBe(await textFor(to))
    // What others get is a file.
    const signed = parseClaim(writeClaim(signClaim(claim, person.sign(textOfClaim(claim)))))
    await migration.send(stranger, signed)
    expect(await balanceOf(to)).toBe((legacy.owed.get(person.account) ?? 0n) * 1_000_000n)
    const { amount, claimed } = await migration.status(stranger, leaves, person.account)
    expect(claimed).toBe(amount)
    await expect(migration.send(stranger, signed)).rejects.toMatchObject({ code: 'exists' })
    expect(await migration.received(stranger.chain, to)).toMatchObject([{ account: person.account, amount }])
  }
})

it('pays accounts of several, by as many as they ask for', async () => {
  const { multisig, shared } = legacy
  const to = addressOf(11)
  const members = multisig.members.map(({ account }) => account)
  let claim = begin(multisig.account, to, { members, threshold: 2 })
  expect(textOfClaim(claim)).toBe(await read('multisigTextFor', [multisig.account, to]))
  claim = signedBy(claim, multisig.members[2])
  await expect(migration.send(stranger, claim)).rejects.toMatchObject({ code: 'bad-request' })
  claim = signedBy(claim, multisig.members[0])
  await migration.send(stranger, claim)
  expect(await balanceOf(to)).toBe((legacy.owed.get(multisig.account) ?? 0n) * 1_000_000n)
  const other = addressOf(12)
  await migration.send(stranger, signedBy(begin(shared.account, other), shared.members[1]))
  expect(await balanceOf(other)).toBe((legacy.owed.get(shared.account) ?? 0n) * 1_000_000n)
})

it('pays what vests when it has, to where the key said', async () => {
  const { person, locked, until } = legacy.vesting
  const to = addressOf(21)
  await moveTo(BigInt(until - 50 * DAY))
  const claim = begin(person.account, to)
  expect(claim.leaves).toHaveLength(2)
  const { transactions } = await migration.send(stranger, signedBy(claim, person))
  expect(transactions).toHaveLength(2)
  const all = (legacy.owed.get(person.account) ?? 0n) * 1_000_000n
  const first = await balanceOf(to)
  expect(first).toBeGreaterThan(all - locked * 1_000_000n)
  expect(first).toBeLessThan(all)
  await moveTo(BigInt(until + 1))
  expect(await migration.release(stranger, leaves, person.account)).toHaveLength(1)
  expect(await balanceOf(to)).toBe(all)
  expect(await migration.release(stranger, leaves, person.account)).toEqual([])
})

it('pays what has vested of each part, though nothing of one before it has', async () => {
  const [of, alone] = legacy.people.slice(13, 15) as [Person, Person]
  for (const [index, person] of [of, alone].entries())
    await migration.send(stranger, signedBy(begin(person.account, addressOf(61 + index)), person))
  const before = await balanceOf(addressOf(61))
  const { timestamp } = await chain.wallet(0).client.getBlock()
  await moveTo(timestamp + BigInt(DAY))
  expect(await migration.release(stranger, leaves, of.account)).toHaveLength(1)
  expect(await balanceOf(addressOf(61))).toBeGreaterThan(before)
  await expect(migration.release(stranger, leaves, alone.account)).rejects.toThrow('ZeroAmount')
})

it('pays nobody else: another receiver, contract, tree or key', async () => {
  const [, , , , victim, thief] = legacy.people as [Person, Person, Person, Person, Person, Person]
  const signed = signedBy(begin(victim.account, addressOf(31)), victim)
  await expect(migration.send(stranger, { ...signed, to: addressOf(32) })).rejects.toThrow('BadSignature')
  const own = signedBy(begin(thief.account, addressOf(32)), thief)
  await expect(migration.send(stranger, { ...signed, signature: own.signature as never })).rejects.toThrow(
    'WrongSigner',
  )
  const more = signed.leaves.map((leaf) => ({ ...leaf, amount: leaf.amount + 1n }))
  await expect(migration.send(stranger, { ...signed, leaves: more })).rejects.toThrow('NotALeaf')
  await expect(migration.send(stranger, { ...signed, claims: token })).rejects.toThrow('is for the contract')
  const other = leavesOfSnapshot(takeSnapshot(makeLegacyChain(14).state))
  await expect(migration.status(stranger, other, victim.account)).rejects.toMatchObject({ code: 'bad-file' })
  await expect(migration.send({ ...stranger, wallet: undefined }, signed)).rejects.toMatchObject({
    code: 'no-wallet',
  })
  const network = { ...chain.network }
  expect(() => migration.placeOf({ network }, addressOf(1))).toThrow('continues no old chain’s token')
})

it('takes a key as wallets keep it', async () => {
  const person = legacy.people[6] as Person
  const key = await openPhrase(person.seed, person.scheme)
  expect(key.account).toBe(person.account)
  const to = addressOf(41)
  const claim = begin(person.account, to)
  await migration.send(stranger, signClaim(claim, key.sign(textOfClaim(claim))))
  expect(await balanceOf(to)).toBe((legacy.owed.get(person.account) ?? 0n) * 1_000_000n)
})

it('is done by the command line, by one for another', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-claims-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [network, file, claimFile] = ['network.json', 'leaves.json', 'claim.json'].map((name) =>
    join(folder, name),
  )
  if (!network || !file || !claimFile) throw new Error('there are no names')
  writeFileSync(network, JSON.stringify(stranger.network))
  writeFileSync(file, writeLeaves(leaves))
  const person = legacy.people[7] as Person
  const to = addressOf(51)
  const options = { network, account: 'dev5', json: true, leaves: file }
  vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  vi.stubEnv('CLOISTER_LEGACY_PHRASE', person.seed)
  // The holder has no gas: another account sends what they signed.
  const address = showAccount(person.account, 30)
  await claimByCommand(address, { ...options, to, phrase: true, scheme: person.scheme, save: claimFile })
  expect(await balanceOf(to)).toBe(0n)
  await claimByCommand(undefined, { ...options, send: claimFile })
  expect(await balanceOf(to)).toBe((legacy.owed.get(person.account) ?? 0n) * 1_000_000n)
  await checkByCommand(address, options)
  const printed = vi.mocked(process.stdout.write).mock.lastCall?.[0]
  expect(JSON.parse(String(printed))).toMatchObject({ legacy: address, leaves: [{ isClaimed: true }] })
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

/** Parts of two accounts that vest one day, and of one of them a part behind it that vests already. */
function withLaterParts({ chain: of, block, all, members }: Leaves, now: number): Leaves {
  const [both, alone] = legacy.people.slice(13, 15) as [Person, Person]
  const amount = 10n ** 18n
  const later = { vestsFrom: 2_400_000_000, vestsUntil: 2_450_000_000 }
  const parts = [
    { account: both.account, amount, ...later },
    { account: both.account, amount, vestsFrom: now, vestsUntil: now + 1_000 * DAY },
    { account: alone.account, amount, ...later },
  ]
  return new Leaves(of, block, [...all, ...parts], members)
}

function begin(account: Hex, to: Address, multisig?: { members: Hex[]; threshold: number }): Claim {
  return beginClaim(leaves, account, migration.placeOf(stranger, to), multisig)
}

function signedBy(claim: Claim, person: Person | undefined): Claim {
  return signClaim(claim, person?.sign(textOfClaim(claim)) ?? '', person?.account)
}

function actingAs(index: number): Cloister {
  const wallet = chain.wallet(index)
  const network = { ...chain.network, contracts: { ...chain.network.contracts, claims } }
  const own = { ...wallet, network }
  return { network, chain: own, wallet: own } as unknown as Cloister
}

function addressOf(number: number): Address {
  return `0x${number.toString(16).padStart(40, 'a')}`
}

function read(functionName: 'textFor' | 'multisigTextFor', args: readonly unknown[]): Promise<unknown> {
  return chain
    .wallet(0)
    .client.readContract({ address: claims, abi: CLAIMS_ABI, functionName, args } as never)
}

async function textFor(to: Address): Promise<unknown> {
  return read('textFor', [to])
}

function balanceOf(account: Address): Promise<bigint> {
  const call = { address: token, abi: ERC20, functionName: 'balanceOf', args: [account] } as const
  return chain.wallet(0).client.readContract(call)
}

async function create(data: Hex): Promise<Address> {
  const { wallet, client } = chain.wallet(0)
  const hash = await wallet.sendTransaction({ data })
  const { contractAddress } = await client.waitForTransactionReceipt({ hash })
  if (!contractAddress) throw new Error('the contract was not created')
  return contractAddress
}

async function moveTo(timestamp: bigint): Promise<void> {
  const { client } = chain.wallet(0)
  await client.request({ method: 'evm_setNextBlockTimestamp', params: [Number(timestamp)] } as never)
  await client.request({ method: 'evm_mine' } as never)
}
