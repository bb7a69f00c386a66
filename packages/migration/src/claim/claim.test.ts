import { Keyring } from '@polkadot/keyring'
import type { KeyringPair } from '@polkadot/keyring/types'
import { type Address, bytesToHex, hexToBytes, stringToBytes } from 'viem'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseAccount, showAccount } from '../account.ts'
import { type Leaves, leavesOfSnapshot } from '../count/leaves-file.ts'
import { takeSnapshot } from '../count/snapshot.ts'
import { type LegacyKey, openKeystore, openPhrase } from '../keys/keys.ts'
import { type LegacyChainMade, makeLegacyChain } from '../testing/legacy-chain.ts'
import { cryptoWaitReady, type Person } from '../testing/people.ts'
import { beginClaim, signClaim, textOfClaim } from './claim.ts'
import { parseClaim, writeClaim } from './claim-file.ts'
import { signaturesMissing } from './signed.ts'
import { claimText } from './text.ts'

const CLAIMS: Address = '0x5FbDB2315678afecb367f032d93F642f64180aa3'
const TO: Address = '0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65'
const PLACE = { chainId: 31337, claims: CLAIMS, to: TO }

let chain: LegacyChainMade
let leaves: Leaves

beforeAll(async () => {
  await cryptoWaitReady()
  chain = makeLegacyChain(15)
  leaves = leavesOfSnapshot(takeSnapshot(chain.state))
})

const person = (index: number) => chain.people[index] as Person

describe('an address of the old chain', () => {
  it('is one account however it is written', () => {
    const { account } = person(0)
    for (const prefix of [0, 2, 30, 42]) expect(parseAccount(showAccount(account, prefix))).toBe(account)
    expect(parseAccount(` ${account.toUpperCase().replace('0X', '0x')} `)).toBe(account)
    const address = showAccount(account, 30)
    for (const wrong of [`${address.slice(0, -1)}1`, address.slice(1), '0x12', '', 'x'.repeat(5_000), TO])
      expect(() => parseAccount(wrong)).toThrow(expect.objectContaining({ code: 'bad-address' }))
    // Substrate's own library writes them alike.
    expect(new Keyring({ ss58Format: 30 }).encodeAddress(account)).toBe(address)
  })
})

describe('a claim', () => {
  it.each([0, 1, 2])('is signed by a key of each scheme, in every form that wallets give (%i)', (index) => {
    const who = person(index)
    const claim = beginClaim(leaves, who.account, PLACE)
    expect(textOfClaim(claim)).toBe(claimText(PLACE))
    expect(signaturesMissing(claim)).toBe(1)
    const plain = who.sign(textOfClaim(claim))
    const kind = { ed25519: '00', sr25519: '01', ecdsa: '02' }[who.scheme]
    for (const form of [plain, plain.slice(2), `0x${kind}${plain.slice(2)}`, ` ${plain}\n`]) {
      const signed = signClaim(claim, form)
      expect(signaturesMissing(signed)).toBe(0)
      expect(parseClaim(writeClaim(signed))).toEqual(signed)
    }
  })

  it('takes no signature of another text, key or length', () => {
    const who = person(0)
    const claim = beginClaim(leaves, who.account, PLACE)
    const elsewhere = { ...PLACE, to: CLAIMS }
    const wrong = [
      who.sign(claimText(elsewhere)),
      who.sign('Send the CLOI'),
      person(3).sign(textOfClaim(claim)),
      person(2).sign(textOfClaim(claim)),
      '0x1234',
      'none',
    ]
    for (const signature of wrong)
      expect(() => signClaim(claim, signature)).toThrow(expect.objectContaining({ code: 'bad-key' }))
    expect(() => beginClaim(leaves, `0x${'77'.repeat(32)}`, PLACE)).toThrow('nothing to claim')
  })

  it('of a multisig account is signed by as many members as it asks for', () => {
    const { account, members } = chain.multisig
    const accounts = members.map((member) => member.account)
    expect(() => beginClaim(leaves, account, PLACE, { members: accounts, threshold: 1 })).toThrow(
      'another account',
    )
    let claim = beginClaim(leaves, account, PLACE, { members: accounts.toReversed(), threshold: 2 })
    const text = textOfClaim(claim)
    expect(text).toContain(account)
    const [first, , third] = members as [Person, Person, Person]
    claim = signClaim(claim, third.sign(text), third.account)
    expect(signaturesMissing(claim)).toBe(1)
    claim = parseClaim(writeClaim(claim))
    claim = signClaim(claim, third.sign(text))
    expect(signaturesMissing(claim)).toBe(1)
    // What members sign for their own accounts is no consent.
    expect(() => signClaim(claim, first.sign(claimText(PLACE)))).toThrow('no signature of a member')
    expect(() => signClaim(claim, first.sign(text), person(8).account)).toThrow('none of the members')
    claim = signClaim(claim, first.sign(text))
    expect(signaturesMissing(claim)).toBe(0)
  })

  it('of an account that two controlled is signed by one of them', () => {
    const { account, members } = chain.shared
    const claim = beginClaim(leaves, account, PLACE)
    expect(signaturesMissing(claim)).toBe(1)
    expect(signaturesMissing(signClaim(claim, members[1]?.sign(textOfClaim(claim)) ?? ''))).toBe(0)
  })

  it('in a file with what nobody signed is refused before anybody signs or sends it', () => {
    const { account, members } = chain.multisig
    const accounts = members.map((member) => member.account)
    const begun = beginClaim(leaves, account, PLACE, { members: accounts, threshold: 2 })
    const [first, second] = members as [Person, Person, Person]
    const signed = signClaim(begun, first.sign(textOfClaim(begun)), first.account)
    const { approvals } = signed
    const own = approvals?.signed.get(first.account)
    if (!approvals || !own) throw new Error('nobody signed')
    const spoilt = [
      { signed: new Map([[second.account, own]]) },
      { signed: new Map([[person(9).account, own]]) },
      { signed: new Map([[first.account, { ...own, r: own.s }]]) },
      { threshold: 1 },
      { threshold: 4 },
      { members: approvals.members.toReversed() },
      { members: [...approvals.members, ...approvals.members] },
    ]
    for (const change of spoilt)
      expect(() => parseClaim(writeClaim({ ...signed, approvals: { ...approvals, ...change } }))).toThrow(
        expect.objectContaining({ code: 'bad-file' }),
      )
    expect(
      signaturesMissing({ ...signed, approvals: { ...approvals, signed: new Map([['0x12', own]]) } }),
    ).toBe(2)
    const alone = beginClaim(leaves, first.account, PLACE)
    const wrong = { ...alone, signature: own }
    expect(() => parseClaim(writeClaim(wrong))).toThrow('is not')
    expect(() => parseClaim(writeClaim({ ...signed, signature: own }))).toThrow('beside those of members')
  })

  it('of more parts that vest than a person has is read from its file', () => {
    const claim = beginClaim(leaves, person(0).account, PLACE)
    const many = Array.from({ length: 1_000 }, (_, index) => ({ ...claim.leaves[0], index }) as never)
    expect(parseClaim(writeClaim({ ...claim, leaves: many })).leaves).toHaveLength(1_000)
  })

  it('in a file that was spoilt is refused', () => {
    const text = writeClaim(beginClaim(leaves, person(0).account, PLACE))
    const spoilt = [
      '',
      '{}',
      text.replace('31337', '"31337"'),
      text.replace(/"amount": "\d+"/, '"amount": "79228162514264337593543950336"'),
      text.replace('"index"', '"place"'),
      text.replace('"to": "0x15', '"to": "0x'),
    ]
    for (const one of spoilt)
      expect(() => parseClaim(one), one.slice(0, 40)).toThrow(/can not be used|A leaf has/)
  })
})

describe('a key of the old chain', () => {
  const PHRASE = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk'

  it('opens from a seed phrase with a path', async () => {
    // Everybody knows this one: Substrate's development phrase.
    const alice = await openPhrase(`${PHRASE}//Alice`)
    expect(showAccount(alice.account, 42)).toBe('5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY')
    for (const scheme of ['ed25519', 'ecdsa'] as const)
      expect((await openPhrase(`${PHRASE}//Alice`, scheme)).account).not.toBe(alice.account)
    // The library takes the first for Alice's, and others for secrets of their own.
    for (const none of ['//Alice', '', 'bottom drive', 'correct horse battery staple'])
      await expect(openPhrase(none), none).rejects.toMatchObject({ code: 'bad-key' })
    const spaced = await openPhrase(` ${PHRASE.replaceAll(' ', '  ')}///two  spaces`)
    const pair = new Keyring({ type: 'sr25519' }).createFromUri(`${PHRASE}///two  spaces`)
    expect(spaced.account).toBe(bytesToHex(pair.addressRaw))
    await expect(openPhrase(PHRASE.replace('walk', 'stroll'))).rejects.toMatchObject({ code: 'bad-key' })
  })

  it('opens from a keystore with its password', async () => {
    const pair = new Keyring({ type: 'sr25519' }).createFromUri(`${PHRASE}//Bob`)
    const json = JSON.stringify(KEYSTORE)
    await signs(pair, await openKeystore(json, 'correct horse'))
    await expect(openKeystore(json, 'wrong')).rejects.toMatchObject({ code: 'bad-password' })
    await expect(openKeystore('{}', '')).rejects.toMatchObject({ code: 'bad-file' })
  })

  it.each(['ed25519', 'ecdsa'] as const)('opens from a keystore without a password (%s)', async (scheme) => {
    const pair = new Keyring({ type: scheme }).createFromUri(`${PHRASE}//Bob`)
    await signs(pair, await openKeystore(JSON.stringify(pair.toJson()), ''))
  })
})

async function signs(pair: KeyringPair, key: LegacyKey): Promise<void> {
  expect(key).toMatchObject({ scheme: pair.type, account: bytesToHex(pair.addressRaw) })
  const text = claimText(PLACE)
  expect(pair.verify(stringToBytes(text), hexToBytes(key.sign(text)), pair.publicKey)).toBe(true)
}

/** Bob's, written by Polkadot.js' own library with 2^15 rounds of scrypt, as wallets did until lately. */
const KEYSTORE = {
  encoded:
    'AGeRg6MTgDfwG1PqA07vibSxJWh/70X1RolVt3Riy7MAgAAAAQAAAAgAAAAuRIjf+LmNNG7+F1I8ljBx4ZXaj6jKoYGK+sHN+Sra' +
    '7DUcCrvWKiGeDYCyI/nw9rv8D0dAsV7Xp2xIam9KVmfCWg1lW45NT89yOTQdodHdvzJFKEGZLtz0ZMiIywds/1jmnm3m4GteSKVx' +
    'OXJYc8NXd6u78ueSwSEk4FszDM6RnkQBk2bwjxo3hI1S6sSQSF9UiW+llWFqsvseAobp',
  encoding: { content: ['pkcs8', 'sr25519'], type: ['scrypt', 'xsalsa20-poly1305'], version: '3' },
  address: '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty',
  meta: { name: 'Bob' },
}
