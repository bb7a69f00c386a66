import { changeKey, findToken, getKey, getKeysOf, type SessionKey, setKey } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { encodeApiKey, isApiKey, parseApiKey } from '@cloister/inference/protocol'
import { type Address, bytesToHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type Cloister, walletOf } from '../cloister.ts'

/** An API key that was made just now. Whoever has its text can spend up to its cap: it is shown once. */
export interface NewApiKey {
  /** `sk-clo-…`, for clients of OpenAI and Anthropic. Nobody keeps it. */
  apiKey: string
  /** What the chain knows it by. */
  key: Address
  token: Address
  cap: bigint
  until: number
}

/** What an API key may: `cap` in base units of `token`, a symbol; `until` in Unix seconds. */
export interface KeyTerms {
  token: string
  cap: bigint
  until: number
}

/**
 * Makes an API key that spends out of the account's purse: a session key, drawn at random here, which the
 * chain lets draw up to `cap` base units until then. Throws `unknown-token`, `no-wallet`, `not-found` or
 * `reverted`.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * const until = Math.floor(Date.now() / 1000) + 30 * 86_400
 * const { apiKey } = await models.createKey(cloister, { token: 'USDC', cap: 5_000_000n, until })
 * ```
 */
export async function createKey(cloister: Cloister, { token, cap, until }: KeyTerms): Promise<NewApiKey> {
  const { address } = findToken(cloister.network, token)
  const privateKey = bytesToHex(crypto.getRandomValues(new Uint8Array(32)))
  const account = privateKeyToAccount(privateKey)
  await setKey(walletOf(cloister), account, { token: address, cap, until })
  return { apiKey: encodeApiKey(privateKey), key: account.address, token: address, cap, until }
}

/**
 * Has a key of the account's draw nothing more, from the next block on. What it promised before is still
 * paid. Throws `no-wallet`, `not-found` or `reverted`.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * const [key] = await models.keys(cloister)
 * if (key) await models.revokeKey(cloister, key.key)
 * ```
 */
export async function revokeKey(cloister: Cloister, key: Address): Promise<void> {
  await changeKey(walletOf(cloister), key, { cap: 0n })
}

/**
 * The API keys that the account ever registered, as they are now. Throws `no-wallet` or `not-found`.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * for (const { key, cap, drawn } of await models.keys(cloister)) console.log(key, cap - drawn)
 * ```
 */
export function keys(cloister: Cloister): Promise<SessionKey[]> {
  const wallet = walletOf(cloister)
  return getKeysOf(wallet, wallet.account.address)
}

/**
 * What the chain knows of an API key, or of the key of an address: whose it is, and what it may still spend.
 * Throws `bad-key`, or `not-found` for one that nobody registered.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * const { cap, drawn } = await models.keyOf(cloister, 'sk-clo-…')
 * console.log(cap - drawn)
 * ```
 */
export async function keyOf({ chain }: Cloister, key: string): Promise<SessionKey> {
  const address = isApiKey(key) ? parseApiKey(key).address : (key as Address)
  const known = await getKey(chain, address)
  if (known) return known
  throw new CloisterError('not-found', `The chain knows no API key of the address ${address}.`, {
    hint: 'Make one; it counts from the block of its registration on.',
  })
}
