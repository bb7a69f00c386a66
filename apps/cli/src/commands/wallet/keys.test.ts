import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { loadNetwork } from '@cloister/chain/node'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { Keystore } from 'ox'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect, findNetwork } from '../../context.ts'
import { ACCOUNT, fakeCloister, folderWith, typed, typedJson } from '../../testing.ts'
import { openWallet } from '../../wallets.ts'
import { addWallet } from './commands.ts'

const KEY = `0x${'7'.repeat(64)}` as const

const wallet = (...words: string[]) => typed(addWallet, 'wallet', ...words)
let home: string

beforeEach(() => {
  home = folderWith()
  vi.stubEnv('CLOISTER_HOME', home)
  vi.stubEnv('CLOISTER_PASSWORD', 'a long password')
})
afterEach(() => void vi.unstubAllEnvs())

describe('wallet create and import', () => {
  it('keep a key encrypted, where nobody else can read it, and write over none', async () => {
    vi.stubEnv('CLOISTER_PRIVATE_KEY', KEY.slice(2))
    const { address } = privateKeyToAccount(KEY)
    const { out } = await wallet('import', '--name', 'alice')
    expect(out).toContain(`The wallet alice is ${address}. Its key is encrypted in ${home}/wallets`)
    expect(out).toContain('It is the only one, so commands act for it from now on.')
    expect(readdirSync(`${home}/wallets`)).toEqual(['alice.json'])
    expect(statSync(`${home}/wallets/alice.json`).mode & 0o777).toBe(0o600)
    expect((await wallet('list')).out).toBe(`name   address\nalice  ${address}\n`)
    const again = await wallet('create', '--name', 'alice')
    expect(again.err).toBe('✘ There is a wallet alice already.\n  Choose another name with --name.\n')
    expect(again.exitCode).toBe(1)
  })

  it.each([
    [['create', '--name', 'Alice B'], '"Alice B" can\'t be the name of a wallet.'],
    [['import'], 'That is not a private key: 64 hex digits are needed.'],
  ])('refuse %j', async (words, message) => {
    vi.stubEnv('CLOISTER_PRIVATE_KEY', '0x12')
    const { err, exitCode } = await wallet(...words)
    expect(err).toContain(`✘ ${message}`)
    expect(exitCode).toBe(1)
    expect(readdirSync(home)).toEqual([])
  })

  it('need a terminal to ask on, or what they would ask for', async () => {
    vi.stubEnv('CLOISTER_PASSWORD', undefined)
    const { err, exitCode } = await wallet('create')
    expect(err).toBe(
      '✘ There is no terminal to ask for it on: A password for the wallet.\n  Set CLOISTER_PASSWORD.\n',
    )
    expect(exitCode).toBe(1)
  })
})

describe('an account of a wallet', () => {
  /** A keystore as the commands write it, but for how long its password takes to try. */
  async function keep(name: string): Promise<void> {
    const [key, options] = await Keystore.scryptAsync({ password: 'a long password', n: 1024 })
    const address = privateKeyToAccount(KEY).address.slice(2).toLowerCase()
    mkdirSync(`${home}/wallets`)
    const keystore = { ...Keystore.encrypt(KEY, key, options), address }
    writeFileSync(`${home}/wallets/${name}.json`, JSON.stringify(keystore))
  }

  it('signs once its password was given, which a wrong one is not', async () => {
    await keep('alice')
    const signed = privateKeyToAccount(KEY).signMessage({ message: 'x' })
    expect(await openWallet('alice').signMessage({ message: 'x' })).toBe(await signed)
    vi.stubEnv('CLOISTER_PASSWORD', 'another password')
    await expect(openWallet('alice').signMessage({ message: 'x' })).rejects.toMatchObject({
      code: 'bad-password',
      message: 'That is not the password of the wallet alice.',
    })
    expect(() => openWallet('bob')).toThrow('There is no wallet bob.')
  })
})

describe('wallet list', () => {
  it('says how to begin, and which file is no wallet', async () => {
    expect((await wallet('list')).out).toBe(
      `No wallets in ${home}/wallets. Make one: cloister wallet create\n`,
    )
    expect(await typedJson(addWallet, 'wallet', 'list')).toEqual({ json: [], exitCode: 0 })
    vi.stubEnv('CLOISTER_HOME', folderWith())
    mkdirSync(`${process.env['CLOISTER_HOME']}/wallets`)
    writeFileSync(`${process.env['CLOISTER_HOME']}/wallets/bob.json`, '{}')
    const { err, exitCode } = await wallet('list')
    expect(err).toContain('✘ The wallet bob does not say its address.\n  Import its key again')
    expect(exitCode).toBe(1)
  })
})

describe('wallet faucet', () => {
  it('gives on a development network', async () => {
    const cloister = fakeCloister()
    vi.mocked(connect).mockReturnValue(cloister)
    vi.mocked(findNetwork).mockReturnValue('network.json')
    vi.mocked(loadNetwork).mockReturnValue({ ...cloister.network, rpcUrl: 'http://127.0.0.1:1' })
    vi.mocked(fundDevelopmentAccount).mockResolvedValue()
    expect((await wallet('faucet')).out).toBe(`${ACCOUNT} has 10 ETH, 1000 USDC and 1000 CLOI more.\n`)
    expect(vi.mocked(fundDevelopmentAccount).mock.calls[0]?.[1]).toBe(ACCOUNT)
  })

  it('gives nothing elsewhere', async () => {
    const cloister = fakeCloister()
    vi.mocked(connect).mockReturnValue(cloister)
    vi.mocked(findNetwork).mockReturnValue('network.json')
    vi.mocked(loadNetwork).mockReturnValue({ ...cloister.network, development: false })
    const { err, exitCode } = await wallet('faucet')
    expect(err).toContain('development')
    expect(exitCode).toBe(1)
    expect(fundDevelopmentAccount).not.toHaveBeenCalled()
  })
})
