import { createHash } from 'node:crypto'
import { CLAIMS_ABI } from '@cloister/chain'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { cryptoWaitReady, ed25519Verify, sr25519Verify } from '@polkadot/util-crypto'
import { verify as scureVerify } from '@scure/sr25519'
import {
  type Address,
  BaseError,
  ContractFunctionRevertedError,
  concat,
  encodeAbiParameters,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  hexToBytes,
  keccak256,
  parseAbi,
  stringToBytes,
  toHex,
} from 'viem'
import { readContract, simulateContract } from 'viem/actions'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLAIMS_BYTECODE, SIGNATURES_BYTECODE } from '../../deploy/generated/bytecode.ts'
import { type LegacyAccount, legacyAccount, multisigOf, type Signature } from './legacy-accounts.ts'

const ERC20 = parseAbi([
  'function balanceOf(address) view returns (uint256)',
  'function transfer(address, uint256) returns (bool)',
])
const ETHER = 10n ** 18n
const DAY = 86_400n
const WINDOW = 4n * 365n * DAY
/** Accounts of each scheme. */
const EACH = 40
/** Leaves beside theirs: proofs are as long as those of 16,384 accounts. */
const LEAVES = 16_384
const SIGNATURES_MUTATED = 300

/** Points of small order (RFC 7748's curve has eight): among them accounts that tokens were burnt with. */
const SMALL: Hex[] = [
  `0x${'00'.repeat(32)}`,
  `0x${'00'.repeat(31)}80`,
  `0x01${'00'.repeat(31)}`,
  `0xec${'ff'.repeat(30)}7f`,
  '0x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '0x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  '0xc7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '0xc7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
]

interface Leaf {
  account: Hex
  amount: bigint
  vestsFrom: number
  vestsUntil: number
}

let chain: DevelopmentChain
let claims: Address
let token: Address
let tree: Hex[][]
let leaves: Leaf[]
let start: bigint
const accounts: LegacyAccount[] = []
let shared: ReturnType<typeof multisigOf>

beforeAll(async () => {
  await cryptoWaitReady()
  chain = await startDevelopmentChain()
  const { client, network } = chain.wallet(0)
  const cloi = network.tokens.find(({ symbol }) => symbol === 'CLOI')
  if (!cloi) throw new Error('the network has no CLOI')
  token = cloi.address
  start = (await client.getBlock()).timestamp
  for (const scheme of ['sr25519', 'ed25519', 'ecdsa'] as const)
    for (let index = 0; index < EACH; index++) accounts.push(legacyAccount(scheme, seedOf(scheme, index)))
  shared = multisigOf([of('sr25519', 0), of('ed25519', 0), of('ecdsa', 0)], 2)
  const vests = { vestsFrom: Number(start), vestsUntil: Number(start + 100n * DAY) }
  const owners = [...accounts.map(({ account }) => account), shared.account, ...SMALL]
  leaves = owners.map((account, index) => ({
    account,
    amount: ETHER + BigInt(index),
    ...(index % EACH === 1 ? vests : { vestsFrom: 0, vestsUntil: 0 }),
  }))
  tree = treeOf([
    ...leaves.map(hashOf),
    ...Array.from({ length: LEAVES - leaves.length }, (_, n) => filler(n)),
  ])
  const verifier = await create(SIGNATURES_BYTECODE)
  claims = await create(
    encodeDeployData({
      abi: CLAIMS_ABI,
      bytecode: CLAIMS_BYTECODE,
      args: [token, tree.at(-1)?.[0] ?? '0x', chain.wallet(9).account.address, start + WINDOW, verifier],
    }),
  )
  const sum = leaves.reduce((total, { amount }) => total + amount, 0n)
  await send(token, encodeFunctionData({ abi: ERC20, functionName: 'transfer', args: [claims, sum] }))
})
afterAll(() => chain?.stop())

describe('an account of the old chain', () => {
  it.each([
    ['sr25519', 500_000n],
    ['ed25519', 340_000n],
    ['ecdsa', 95_000n],
  ] as const)(
    'with a key of %s is paid for its signature, whoever sends that, for at most %i gas',
    async (scheme, most) => {
      const who = of(scheme, 2)
      const to = addressOf(scheme)
      const { gasUsed } = await send(claims, claimData(who, to, who.sign(await textFor(to))), 5)
      expect(await balanceOf(to)).toBe(leafOf(who).amount)
      expect(gasUsed).toBeLessThanOrEqual(most)
      expect(await refusal(who, to, who.sign(await textFor(to)))).toBe('AlreadyClaimed')
    },
  )

  it('signs a text of ASCII below 256 bytes that names receiver, chain and contract', async () => {
    const to = addressOf('anybody')
    const text = await textFor(to)
    expect(text).toBe(
      `<Bytes>Send the CLOI of this old account to ${to} on chain 31337 by ${claims.toLowerCase()}</Bytes>`,
    )
    const ofMultisig = await read('multisigTextFor', [shared.account, to])
    expect(ofMultisig).toContain(`the multisig ${shared.account} to ${to}`)
    for (const one of [text, ofMultisig as string]) {
      expect(stringToBytes(one).length).toBeLessThan(256)
      expect(one).toMatch(/^[\x20-\x7e]*$/)
    }
  })

  it('is paid nothing for a signature that names another receiver, amount, account, scheme or tree', async () => {
    const who = of('sr25519', 3)
    const to = addressOf('receiver')
    const own = who.sign(await textFor(to))
    expect(await refusal(who, addressOf('thief'), own)).toBe('BadSignature')
    expect(await refusal(of('sr25519', 4), to, own)).toBe('WrongSigner')
    expect(await refusal(who, to, { ...own, scheme: 2 })).toBe('BadSignature')
    expect(await refusal(who, to, { ...own, scheme: 0 })).toBe('WrongSigner')
    expect(await refusal(who, to, { ...own, scheme: 3 })).toBe('WrongSigner')
    expect(await refusal(who, to, own, { ...leafOf(who), amount: 5n })).toBe('NotALeaf')
    expect(await refusal(who, to, own, { ...leafOf(who), vestsUntil: 5 })).toBe('NotALeaf')
    expect(await refusal(who, `0x${'00'.repeat(20)}`, own)).toBe('ZeroAddress')
    expect(await refusal(who, to, own)).toBe('accepted')
  })

  it('that several share takes as many signatures as it asks for, each of another member', async () => {
    const to = addressOf('shared')
    const text = (await read('multisigTextFor', [shared.account, to])) as string
    const [first, second, third] = shared.members.map((member) => member.sign(text)) as [
      Signature,
      Signature,
      Signature,
    ]
    const refused = (signatures: Signature[], threshold = 2, members = shared.members) =>
      outcome(() =>
        simulateContract(chain.wallet(0).client, {
          ...multisigCall(
            to,
            signatures,
            threshold,
            members.map(({ account }) => account),
          ),
          account: chain.wallet(5).account.address,
        }),
      )
    expect(await refused([first])).toBe('LengthsDiffer')
    expect(await refused([], 0)).toBe('LengthsDiffer')
    expect(await refused([first, first])).toBe('WrongSigner')
    expect(await refused([second, first])).toBe('WrongSigner')
    expect(await refused([first, of('sr25519', 9).sign(text)])).toBe('WrongSigner')
    expect(await refused([first], 1)).toBe('NotALeaf')
    expect(await refused([first, second], 2, shared.members.slice(0, 2))).toBe('NotALeaf')
    // What a member signed for its own account is no consent to anything else.
    const own = shared.members.map((member) => ({ member, text }))
    const ownText = await textFor(to)
    expect(await refused([own[0]?.member.sign(ownText) ?? first, second])).toBe('BadSignature')
    for (const two of [
      [first, second],
      [first, third],
      [second, third],
    ])
      expect(await refused(two)).toBe('accepted')
    await send(
      claims,
      encodeFunctionData(
        multisigCall(
          to,
          [first, third],
          2,
          shared.members.map((m) => m.account),
        ),
      ),
      5,
    )
    expect(await balanceOf(to)).toBe(leafOf(shared).amount)
  })
})

describe('a signature', () => {
  it('holds on chain where it holds in Substrate’s own library, and no other does', async () => {
    const verdicts = { held: 0, refused: 0 }
    for (let n = 0; n < SIGNATURES_MUTATED; n++) {
      const who = of(n % 3 === 0 ? 'ed25519' : 'sr25519', 5 + (n % (EACH - 5)))
      const to = addressOf(`mutated ${n}`)
      const text = await textFor(to)
      const honest = who.sign(text)
      const mutated = n % 5 === 0 ? honest : mutate(honest, n)
      const bytes = hexToBytes(concat([mutated.r, mutated.s]))
      const expected = holds(() =>
        (who.scheme === 'sr25519' ? sr25519Verify : ed25519Verify)(stringToBytes(text), bytes, who.publicKey),
      )
      if (who.scheme === 'sr25519')
        expect(holds(() => scureVerify(stringToBytes(text), bytes, who.publicKey))).toBe(expected)
      expect(await refusal(who, to, mutated), `${who.scheme} ${n}`).toBe(
        expected ? 'accepted' : 'BadSignature',
      )
      verdicts[expected ? 'held' : 'refused']++
    }
    expect(verdicts.held).toBeGreaterThanOrEqual(SIGNATURES_MUTATED / 5)
    expect(verdicts.refused).toBeGreaterThan(SIGNATURES_MUTATED / 2)
  })

  it('with a number beyond the group’s order, or without schnorrkel’s mark, is none', async () => {
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    for (const scheme of ['sr25519', 'ed25519'] as const) {
      const who = of(scheme, 3)
      const to = addressOf('order')
      const honest = who.sign(await textFor(to))
      const mark = scheme === 'sr25519' ? 2n ** 255n : 0n
      const number = little(honest.s) - mark
      expect(await refusal(who, to, { ...honest, s: fromLittle(number + order + mark) })).toBe('BadSignature')
      if (mark > 0n) expect(await refusal(who, to, { ...honest, s: fromLittle(number) })).toBe('BadSignature')
    }
  })

  it('is none by a key that everybody can sign for', async () => {
    const zero: Hex = `0x${'00'.repeat(32)}`
    const marked: Hex = `0x${'00'.repeat(31)}80`
    const to = addressOf('burnt')
    expect(
      await refusal({ account: zero }, to, { scheme: 1, v: 0, x: zero, y: zero, r: zero, s: marked }),
    ).toBe('BadSignature')
    // k·A of a key of small order is one of eight points whatever is signed; each is tried as R, with s = 0.
    for (const account of SMALL)
      for (const r of SMALL)
        expect(
          await refusal({ account }, to, { scheme: 2, v: 0, x: account, y: zero, r, s: zero }),
          account,
        ).toBe('BadSignature')
  })
})

describe('what an account owned in part', () => {
  it('becomes its own evenly, goes where its key said, and stays its own when the window is over', async () => {
    const who = of('ed25519', 1)
    const to = addressOf('vesting')
    const { amount } = leafOf(who)
    const release = () =>
      encodeFunctionData({
        abi: CLAIMS_ABI,
        functionName: 'release',
        args: [leafOf(who), placeOf(who.account), proofOf(who.account)],
      })
    const refused = () =>
      outcome(() =>
        simulateContract(chain.wallet(0).client, {
          address: claims,
          abi: CLAIMS_ABI,
          functionName: 'release',
          args: [leafOf(who), placeOf(who.account), proofOf(who.account)],
        }),
      )
    expect(await refused()).toBe('NotVesting')
    await moveTo(start + 25n * DAY)
    await send(claims, claimData(who, to, who.sign(await textFor(to))), 5)
    expect(await balanceOf(to)).toBe(amount / 4n)
    expect(await read('vesting', [])).toBe(amount - amount / 4n)
    await moveTo(start + 50n * DAY)
    await send(claims, release(), 6)
    expect(await balanceOf(to)).toBe(amount / 2n)
    await moveTo(start + WINDOW)
    const late = of('ed25519', 7)
    expect(await refusal(late, to, late.sign(await textFor(to)))).toBe('WindowOver')
    const treasury = chain.wallet(9).account.address
    const before = await balanceOf(treasury)
    const held = await balanceOf(claims)
    await send(claims, encodeFunctionData({ abi: CLAIMS_ABI, functionName: 'expire' }), 7)
    expect((await balanceOf(treasury)) - before).toBe(held - (amount - amount / 2n))
    await send(claims, release(), 6)
    expect(await balanceOf(to)).toBe(amount)
    expect(await balanceOf(claims)).toBe(0n)
    expect(await refused()).toBe('ZeroAmount')
  })
})

function of(scheme: LegacyAccount['scheme'], index: number): LegacyAccount {
  const found = accounts.filter((account) => account.scheme === scheme)[index]
  if (!found) throw new Error(`there is no account ${index} of ${scheme}`)
  return found
}

function seedOf(scheme: string, index: number): Uint8Array {
  return createHash('sha256').update(`${scheme} ${index}`).digest()
}

function addressOf(name: string): Address {
  return `0x${createHash('sha256').update(name).digest('hex').slice(0, 40)}`
}

function leafOf({ account }: Pick<LegacyAccount, 'account'>): Leaf {
  const leaf = leaves.find((one) => one.account === account)
  if (!leaf) throw new Error('there is no such leaf')
  return leaf
}

function hashOf({ account, amount, vestsFrom, vestsUntil }: Leaf): Hex {
  const types = [{ type: 'bytes32' }, { type: 'uint96' }, { type: 'uint40' }, { type: 'uint40' }] as const
  return keccak256(keccak256(encodeAbiParameters(types, [account, amount, vestsFrom, vestsUntil])))
}

function filler(index: number): Hex {
  return keccak256(toHex(`filler ${index}`))
}

/** The levels of a tree whose leaves are a power of two, the leaves first. */
function treeOf(hashes: Hex[]): Hex[][] {
  const levels = [hashes]
  for (let level = hashes; level.length > 1; levels.push(level)) {
    const below = level
    level = Array.from({ length: below.length / 2 }, (_, index) =>
      pairOf(below[2 * index] ?? '0x', below[2 * index + 1] ?? '0x'),
    )
  }
  return levels
}

function pairOf(one: Hex, other: Hex): Hex {
  return keccak256(concat([one, other]))
}

function placeOf(account: Hex): bigint {
  return BigInt(leaves.findIndex((leaf) => leaf.account === account))
}

function proofOf(account: Hex): Hex[] {
  const at = Number(placeOf(account))
  return tree.slice(0, -1).map((level, height) => level[(at >> height) ^ 1] ?? '0x')
}

function claimCall(
  who: Pick<LegacyAccount, 'account'>,
  to: Address,
  signature: Signature,
  leaf = leafOf(who),
) {
  return {
    address: claims,
    abi: CLAIMS_ABI,
    functionName: 'claim' as const,
    args: [leaf, placeOf(who.account), proofOf(who.account), to, signature] as const,
  }
}

function claimData(who: LegacyAccount, to: Address, signature: Signature): Hex {
  return encodeFunctionData(claimCall(who, to, signature))
}

function multisigCall(to: Address, signatures: Signature[], threshold: number, members: Hex[]) {
  const leaf = leafOf(shared)
  return {
    address: claims,
    abi: CLAIMS_ABI,
    functionName: 'claimMultisig' as const,
    args: [
      leaf,
      placeOf(shared.account),
      proofOf(shared.account),
      to,
      members,
      threshold,
      signatures,
    ] as const,
  }
}

/** What the contract says to a claim that a stranger sends: the name of its error, or `accepted`. */
function refusal(
  who: Pick<LegacyAccount, 'account'>,
  to: Address,
  signature: Signature,
  leaf?: Leaf,
): Promise<string> {
  const account = chain.wallet(5).account.address
  return outcome(() =>
    simulateContract(chain.wallet(0).client, { ...claimCall(who, to, signature, leaf), account }),
  )
}

async function outcome(ask: () => Promise<unknown>): Promise<string> {
  try {
    await ask()
    return 'accepted'
  } catch (error) {
    const reverted =
      error instanceof BaseError && error.walk((cause) => cause instanceof ContractFunctionRevertedError)
    if (reverted instanceof ContractFunctionRevertedError) return reverted.data?.errorName ?? reverted.message
    throw error
  }
}

function read(functionName: 'vesting' | 'textFor' | 'multisigTextFor', args: readonly unknown[]) {
  return readContract(chain.wallet(0).client, {
    address: claims,
    abi: CLAIMS_ABI,
    functionName,
    args,
  } as never)
}

async function textFor(to: Address): Promise<string> {
  return (await read('textFor', [to])) as string
}

async function balanceOf(account: Address): Promise<bigint> {
  const { client } = chain.wallet(0)
  return readContract(client, { address: token, abi: ERC20, functionName: 'balanceOf', args: [account] })
}

async function send(to: Address, data: Hex, from = 0) {
  const { wallet, client } = chain.wallet(from)
  const receipt = await client.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to, data }) })
  expect(receipt.status).toBe('success')
  return receipt
}

async function create(data: Hex): Promise<Address> {
  const { wallet, client } = chain.wallet(0)
  const { contractAddress } = await client.waitForTransactionReceipt({
    hash: await wallet.sendTransaction({ data }),
  })
  if (!contractAddress) throw new Error('the contract was not created')
  return contractAddress
}

async function moveTo(timestamp: bigint): Promise<void> {
  const { client } = chain.wallet(0)
  await client.request({ method: 'evm_setNextBlockTimestamp', params: [Number(timestamp)] } as never)
  await client.request({ method: 'evm_mine' } as never)
}

/** One bit of a signature the other way round. */
function mutate(signature: Signature, n: number): Signature {
  const half = n % 2 === 0 ? 'r' : 's'
  const bytes = hexToBytes(signature[half])
  const at = (n * 37) % 256
  bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7))
  return { ...signature, [half]: toHex(bytes) }
}

/** Libraries throw for what is no point of the group. */
function holds(verify: () => boolean): boolean {
  try {
    return verify()
  } catch {
    return false
  }
}

function little(bytes: Hex): bigint {
  return BigInt(toHex(hexToBytes(bytes).reverse()))
}

function fromLittle(number: bigint): Hex {
  return toHex(hexToBytes(toHex(number, { size: 32 })).reverse())
}
