import { CloisterError } from '@cloister/core'
import { Keyring } from '@polkadot/keyring'
import type { KeyringPair, KeyringPair$Json } from '@polkadot/keyring/types'
import { cryptoWaitReady } from '@polkadot/util-crypto'
import { bytesToHex, type Hex, stringToBytes } from 'viem'
import type { LegacyAccount } from '../account.ts'
import { SCHEMES, type Scheme } from '../claim/signature.ts'

const SEED = /^0x[0-9a-fA-F]{64}$/
/** Words of a phrase (BIP 39). */
const LENGTHS = [12, 15, 18, 21, 24]

/** A key of the old chain, open. */
export interface LegacyKey {
  account: LegacyAccount
  scheme: Scheme
  /** The bytes that a wallet would give for a text that is wrapped already. */
  sign(text: string): Hex
}

/**
 * The key of a seed phrase, or of another secret as Substrate's tools write it: with a path and a password
 * behind it (`phrase//hard/soft///password`), or 0x and 64 digits. Throws `bad-key`.
 */
export async function openPhrase(secret: string, scheme: Scheme = 'sr25519'): Promise<LegacyKey> {
  await cryptoWaitReady()
  // A password behind the words stays as it is.
  const [words = '', ...path] = secret.trim().split('/')
  const phrase = words.trim().replace(/\s+/g, ' ')
  try {
    // The library takes any short text for a secret, and none for the one that everybody knows.
    if (!SEED.test(phrase) && !LENGTHS.includes(phrase.split(' ').length)) throw new Error('no phrase')
    return keyOf(new Keyring({ type: scheme }).createFromUri([phrase, ...path].join('/')))
  } catch {
    // The library's own messages may have the secret in them.
    throw new CloisterError(
      'bad-key',
      'That is no seed phrase: it has 12 to 24 words of the standard’s list.',
      {
        hint: 'Check the words, their order and the path behind them (//…).',
      },
    )
  }
}

/**
 * The key of a keystore (JSON), as Polkadot.js and most wallets export it. Throws `bad-file`,
 * `bad-password`.
 */
export async function openKeystore(text: string, password: string): Promise<LegacyKey> {
  await cryptoWaitReady()
  let pair: KeyringPair
  try {
    pair = new Keyring().createFromJson(JSON.parse(text) as KeyringPair$Json)
  } catch {
    throw new CloisterError('bad-file', 'That is no keystore of a Substrate wallet.', {
      hint: 'Export the account from the wallet as a JSON file.',
    })
  }
  try {
    pair.decodePkcs8(password)
  } catch {
    throw new CloisterError('bad-password', 'The password does not open the keystore.')
  }
  return keyOf(pair)
}

function keyOf(pair: KeyringPair): LegacyKey {
  const { type } = pair
  if (!Object.hasOwn(SCHEMES, type))
    throw new CloisterError('unsupported', `A key of ${type} makes no account of the old chain.`)
  return {
    account: bytesToHex(pair.addressRaw),
    scheme: type as Scheme,
    sign: (text) => bytesToHex(pair.sign(stringToBytes(text))),
  }
}
