import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect, findNetwork } from './context.ts'
import { ACCOUNT, folderWith, networkOf, PROVIDER } from './testing.ts'

let home: string
let network: string

beforeEach(() => {
  home = folderWith({ 'network.json': JSON.stringify(networkOf('')) })
  network = `${home}/network.json`
  vi.stubEnv('CLOISTER_HOME', home)
  vi.stubEnv('CLOISTER_NETWORK', undefined)
  vi.stubEnv('CLOISTER_ACCOUNT', undefined)
})
afterEach(() => void vi.unstubAllEnvs())

/** Keeps a wallet with an address; its key is of no account here. */
function keep(name: string, address: string): void {
  mkdirSync(`${home}/wallets`, { recursive: true })
  writeFileSync(`${home}/wallets/${name}.json`, JSON.stringify({ address: address.slice(2) }))
}
const account = (options: object = {}) => connect({ network, ...options }).wallet?.account.address

describe('the network', () => {
  it('is the one that is named, before that of the environment', () => {
    vi.stubEnv('CLOISTER_NETWORK', '/elsewhere/network.json')
    expect(findNetwork({})).toBe('/elsewhere/network.json')
    expect(findNetwork({ network })).toBe(network)
  })

  it('is the one of the folder that the command is typed in, or of one above', () => {
    mkdirSync(`${home}/.cloister`)
    mkdirSync(`${home}/a/b`, { recursive: true })
    writeFileSync(`${home}/.cloister/network.json`, '{}')
    const typedIn = vi.spyOn(process, 'cwd').mockReturnValue(`${home}/a/b`)
    expect(findNetwork({})).toBe(`${home}/.cloister/network.json`)
    typedIn.mockRestore()
  })

  it('that is not there, or none, is told of', () => {
    expect(() => connect({ network: '/nowhere.json' })).toThrow(
      'There is no network described at /nowhere.json.',
    )
    writeFileSync(network, '{"name":"x"}')
    expect(() => connect({ network })).toThrow(`${network} is wrong at chainId`)
  })
})

describe('the account', () => {
  it('is the only wallet there is, or the one that is named', () => {
    keep('alice', ACCOUNT)
    expect(account()).toBe(ACCOUNT)
    keep('bob', PROVIDER)
    expect(account({ account: 'bob' })).toBe(PROVIDER)
    vi.stubEnv('CLOISTER_ACCOUNT', 'alice')
    expect(account()).toBe(ACCOUNT)
  })

  it('is asked for where there are several', () => {
    keep('alice', ACCOUNT)
    keep('bob', PROVIDER)
    expect(() => account()).toThrow(
      expect.objectContaining({ code: 'which-wallet', hint: 'Say which with --account: alice, bob.' }),
    )
    expect(() => account({ account: 'carol' })).toThrow('There is no wallet carol.')
  })

  it('is a development account where there is no wallet, on a development network alone', () => {
    expect(account({ account: 'dev1' })).toBe(PROVIDER)
    expect(account()).toBe(ACCOUNT)
    const { root: _, ...attestation } = networkOf('').attestation
    writeFileSync(network, JSON.stringify({ ...networkOf(''), attestation, development: false }))
    expect(account()).toBeUndefined()
    expect(() => account({ account: 'dev1' })).toThrow()
  })
})
