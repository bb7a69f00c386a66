import { CloisterError, fromBase64Url, toBase64Url } from '@cloister/core'
import { type Address, bytesToHex, type Hex, hexToBytes } from 'viem'
import { privateKeyToAddress } from 'viem/accounts'

const PREFIX = 'sk-clo-'
const KEY = /^sk-clo-[A-Za-z0-9_-]{43}$/

/** A session key that pays: what the chain knows of it is in `Vouchers.keyOf(address)`. */
export interface ApiKey {
  address: Address
  privateKey: Hex
}

/** The text that clients send as their API key: `sk-clo-` and the private key in base64url. */
export function encodeApiKey(privateKey: Hex): string {
  return PREFIX + toBase64Url(hexToBytes(privateKey, { size: 32 }))
}

/** Whether a text has an API key's form; it need not be one. */
export function isApiKey(text: string): boolean {
  return KEY.test(text)
}

/** The key that a text is. Throws `bad-key`. */
export function parseApiKey(text: string): ApiKey {
  if (!isApiKey(text)) throw new CloisterError('bad-key', 'An API key is sk-clo- and 43 characters.')
  try {
    const privateKey = bytesToHex(fromBase64Url(text.slice(PREFIX.length)))
    return { address: privateKeyToAddress(privateKey), privateKey }
  } catch (cause) {
    // What went wrong in there may quote the key.
    throw new CloisterError('bad-key', 'The API key is no key.', { cause: (cause as Error).name })
  }
}
