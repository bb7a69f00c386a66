import { toHex } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { expect, it } from 'vitest'
import { developmentAccount, developmentKey } from './accounts.ts'

const NETWORK = { development: true, name: 'test' }

it('are the accounts that every development chain funds, with their keys', () => {
  const phrase = 'test test test test test test test test test test test junk'
  for (let index = 0; index < 10; index++) {
    const account = mnemonicToAccount(phrase, { addressIndex: index })
    expect(developmentAccount(NETWORK, index).address).toBe(account.address)
    expect(developmentKey(NETWORK, index)).toBe(toHex(account.getHdKey().privateKey ?? new Uint8Array()))
  }
})

it('sign as their key does', async () => {
  const account = mnemonicToAccount('test test test test test test test test test test test junk')
  expect(await developmentAccount(NETWORK, 0).signMessage({ message: 'hello' })).toBe(
    await account.signMessage({ message: 'hello' }),
  )
})

it('are there on a development network only, and ten of them', () => {
  expect(() => developmentAccount({ development: false, name: 'real' }, 0)).toThrow(
    'not a development network',
  )
  expect(() => developmentAccount(NETWORK, 10)).toThrow('0 to 9')
})
