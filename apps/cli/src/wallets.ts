import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { lateAccount } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Keystore } from 'ox'
import { type Address, getAddress, type Hex, isAddress, type LocalAccount } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { askSecret } from './ask.ts'

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/

/** Encrypted keystore files (Web3 Secret Storage, version 3), one per wallet. */
export function walletFolder(): string {
  return join(process.env['CLOISTER_HOME'] ?? join(homedir(), '.cloister'), 'wallets')
}

export function listWallets(): { name: string; address: Address }[] {
  if (!existsSync(walletFolder())) return []
  return readdirSync(walletFolder())
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({ name: file.slice(0, -5), address: addressIn(file.slice(0, -5)) }))
}

/** Encrypts a private key into a new keystore file. Throws `wallet-exists`. */
export async function saveWallet(name: string, privateKey: Hex): Promise<Address> {
  checkName(name)
  const path = join(walletFolder(), `${name}.json`)
  if (existsSync(path))
    throw new CloisterError('wallet-exists', `There is a wallet ${name} already.`, {
      hint: 'Choose another name with --name.',
    })
  const password = await askSecret('A password for the wallet', 'CLOISTER_PASSWORD', { twice: true })
  const account = privateKeyToAccount(privateKey)
  const Keystore = await import('ox/Keystore')
  const [key, options] = await Keystore.scryptAsync({ password, n: 131_072 })
  const keystore = {
    ...Keystore.encrypt(privateKey, key, options),
    address: account.address.slice(2).toLowerCase(),
  }
  mkdirSync(walletFolder(), { recursive: true, mode: 0o700 })
  writeFileSync(path, `${JSON.stringify(keystore, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  return account.address
}

/** An account whose key is decrypted when something has to be signed, and not before. */
export function openWallet(name: string): LocalAccount {
  checkName(name)
  return lateAccount(addressIn(name), () => decrypt(name))
}

async function decrypt(name: string): Promise<LocalAccount> {
  const password = await askSecret(`Password of the wallet ${name}`, 'CLOISTER_PASSWORD')
  const keystore = readKeystore(name)
  const Keystore = await import('ox/Keystore')
  try {
    const key = await Keystore.toKeyAsync(keystore, { password })
    return privateKeyToAccount(Keystore.decrypt(keystore, key))
  } catch (cause) {
    throw new CloisterError('bad-password', `That is not the password of the wallet ${name}.`, { cause })
  }
}

function addressIn(name: string): Address {
  const { address } = readKeystore(name) as { address?: string }
  const text = `0x${(address ?? '').replace(/^0x/, '')}`
  if (!isAddress(text, { strict: false }))
    throw new CloisterError('bad-wallet', `The wallet ${name} does not say its address.`, {
      hint: 'Import its key again with `cloister wallet import`.',
    })
  return getAddress(text)
}

function readKeystore(name: string): Keystore.Keystore {
  try {
    return JSON.parse(readFileSync(join(walletFolder(), `${name}.json`), 'utf8')) as Keystore.Keystore
  } catch (cause) {
    throw new CloisterError('no-wallet', `There is no wallet ${name}.`, {
      hint: `Make it with \`cloister wallet create --name ${name}\`, or see \`cloister wallet list\`.`,
      cause,
    })
  }
}

function checkName(name: string): void {
  if (!NAME.test(name))
    throw new CloisterError(
      'bad-name',
      `${JSON.stringify(name.slice(0, 60))} can't be the name of a wallet.`,
      {
        hint: 'Use up to 32 lower-case letters, digits and hyphens.',
      },
    )
}
