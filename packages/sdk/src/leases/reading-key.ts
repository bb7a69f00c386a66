import type { Wallet } from '@cloister/chain'
import { readerTypedData } from '@cloister/core'
import { type KeyPair, readerKeyPair } from '@cloister/secrets'
import { bytesToHex, type Hex } from 'viem'

const keys = new WeakMap<Wallet, Promise<KeyPair | undefined>>()

/**
 * The account's reading key, derived from a signature. None for accounts whose signatures of the same differ
 * (a key made of one could not be made again) and for those that ask a person each time.
 */
export function readingKey(wallet: Wallet): Promise<KeyPair | undefined> {
  const known = keys.get(wallet) ?? derive(wallet)
  keys.set(wallet, known)
  return known
}

/** The public half, as workers are given it. */
export async function readerOf(wallet: Wallet): Promise<Hex | undefined> {
  const pair = await readingKey(wallet)
  return pair && bytesToHex(pair.publicKey)
}

async function derive({ account, wallet, network }: Wallet): Promise<KeyPair | undefined> {
  if (account.type !== 'local') return undefined
  const typed = readerTypedData(network.chainId)
  const [one, other] = [
    await wallet.signTypedData({ account, ...typed }),
    await wallet.signTypedData({ account, ...typed }),
  ]
  return one === other ? readerKeyPair(one) : undefined
}
