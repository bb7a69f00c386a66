import { mnemonicToAccount } from 'viem/accounts'
import { expect, it } from 'vitest'
import { developmentAccount } from './accounts.ts'

it('are the accounts that every development chain funds, and only on a development network', () => {
  const phrase = 'test test test test test test test test test test test junk'
  for (const index of [0, 4, 9])
    expect(developmentAccount({ development: true, name: 'test' }, index).address).toBe(
      mnemonicToAccount(phrase, { addressIndex: index }).address,
    )
  expect(() => developmentAccount({ development: false, name: 'real' }, 0)).toThrow(
    'not a development network',
  )
})
