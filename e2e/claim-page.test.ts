import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { findToken, type Network } from '@cloister/chain'
import { writeClaimPage } from '@cloister/claim-page'
import { ARTIFACTS } from '@cloister/contracts/deploy'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import {
  type Leaves,
  leavesOfSnapshot,
  parseClaim,
  showAccount,
  takeSnapshot,
  writeLeaves,
} from '@cloister/migration'
import { createCloister, migration } from '@cloister/sdk'
import { type Browser, chromium, type Page } from 'playwright-core'
import { type Address, encodeDeployData, encodeFunctionData, type Hex, hexToString, parseAbi } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  cryptoWaitReady,
  type LegacyChainMade,
  makeLegacyChain,
  type Person,
} from '../packages/migration/src/testing/index.ts'

const CHROMIUM = '/usr/bin/chromium'
const PICTURES = process.env['CLOISTER_PICTURES']
const ERC20 = parseAbi([
  'function balanceOf(address) view returns (uint256)',
  'function transfer(address, uint256)',
])
const PHALA = 30
/** An account's name, as a hostile wallet gives it. */
const HOSTILE = '<img src=x onerror="document.title=1">'

describe.skipIf(!existsSync(CHROMIUM))(
  'claim.html, in a browser with wallets and no network',
  () => {
    let folder: string
    let chain: DevelopmentChain
    let network: Network
    let legacy: LegacyChainMade
    let leaves: Leaves
    let browser: Browser
    let page: Page
    const asked: string[] = []

    beforeAll(async () => {
      await cryptoWaitReady()
      folder = await mkdtemp(join(tmpdir(), 'cloister-claim-'))
      await writeClaimPage(join(folder, 'claim.html'))
      chain = await startDevelopmentChain()
      legacy = makeLegacyChain(15)
      leaves = leavesOfSnapshot(takeSnapshot(legacy.state))
      network = await withClaims()
      await writeFile(join(folder, 'network.json'), JSON.stringify(network))
      await writeFile(join(folder, 'leaves.json'), writeLeaves(leaves))
      browser = await chromium.launch({
        executablePath: CHROMIUM,
        args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'],
      })
      const context = await browser.newContext({ offline: true })
      page = await context.newPage()
      page.on('request', (request) => asked.push(request.url()))
      await giveWallets()
      await page.goto(pathToFileURL(join(folder, 'claim.html')).href)
    }, 120_000)

    afterAll(async () => {
      await browser?.close()
      await chain?.stop()
      await rm(folder, { recursive: true, force: true })
    })

    it('shows what an old account owned in both tokens, and pays it through both wallets', async () => {
      await page.getByLabel('network.json').setInputFiles(join(folder, 'network.json'))
      await page.getByLabel('leaves.json').setInputFiles(join(folder, 'leaves.json'))
      await page.getByText(`root ${leaves.tree.root}`).waitFor()
      await page.getByRole('button', { name: 'Open Polkadot.js' }).click()
      const who = person(0)
      await page.locator('#accounts').selectOption(who.account)
      const owed = legacy.owed.get(who.account) ?? 0n
      expect(await page.getByRole('row').allTextContents()).toEqual([
        'FromOld PHANew CLOI',
        expect.stringMatching(/^at once(\d+(?:\.\d+)?)\1$/),
      ])
      await page.getByRole('button', { name: 'Take it from my wallet of the new chain' }).click()
      const to = chain.wallet(6).account.address
      await page.getByText(`Send the CLOI of this old account to ${to.toLowerCase()}`).waitFor()
      await page.getByRole('button', { name: 'Sign with the old wallet' }).click()
      await said(`Signed: the tokens go to ${to}, and nowhere else.`)
      await picture('claim-signed')
      const before = await balanceOf(to)
      await page.getByRole('button', { name: 'Send with my wallet of the new chain' }).click()
      await said(/^Claimed: .* PHA, which are .* CLOI, for 0x.*Transaction 0x[0-9a-f]{64}\.$/)
      expect((await balanceOf(to)) - before).toBe(owed * 1_000_000n)
      await page.getByRole('button', { name: 'Send with my wallet of the new chain' }).click()
      await said('What this account owned was claimed before.')
    })

    it('keeps a claim with a pasted signature for somebody else to send', async () => {
      const who = person(1)
      const to: Address = '0x00000000000000000000000000000000000C1a1a'.toLowerCase() as Address
      await page.getByLabel('Or its address').fill(showAccount(who.account, PHALA))
      await page.getByLabel('Address on the new chain').fill(to)
      const text = (await page.locator('#text').textContent()) ?? ''
      await page.getByLabel('Or paste a signature').fill(person(3).sign(text))
      await said(/^That is no signature of /)
      expect(await page.getByRole('button', { name: 'Save for' }).isDisabled()).toBe(true)
      await page.getByLabel('Or paste a signature').fill(who.sign(text))
      await said(/^Signed: /)
      const saving = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Save for somebody else' }).click()
      const claim = parseClaim(await readFile(await (await saving).path(), 'utf8'))
      const { wallet, account } = chain.wallet(7)
      const cloister = {
        ...createCloister({ network }),
        wallet: { ...chain.wallet(7), wallet, account, network },
      }
      await migration.send(cloister, claim)
      expect(await balanceOf(to)).toBe((legacy.owed.get(who.account) ?? 0n) * 1_000_000n)
    })

    it('collects the signatures of those who sign together, and says who is missing', async () => {
      const { account, members } = legacy.multisig
      const [, second, third] = members as [Person, Person, Person]
      const to: Address = '0x00000000000000000000000000000000000C1b1b'.toLowerCase() as Address
      await page.getByLabel('Or its address').fill(showAccount(account, PHALA))
      await page.getByLabel('Address on the new chain').fill(to)
      await page.getByText('Several sign for this account together').click()
      const named = members.map((member) => showAccount(member.account, PHALA))
      await page.getByLabel('How many have to sign').fill('3')
      await page.getByLabel('Members, one address a line').fill(named.join('\n'))
      await said(/These 3 members, of whom 3 sign, make another account/)
      await page.getByLabel('How many have to sign').fill('2')
      await page.getByText('2 of 3 members have to sign; 2 are missing.').waitFor()
      const text = (await page.locator('#text').textContent()) ?? ''
      expect(text).toContain(`Send the CLOI of the multisig ${account} to ${to}`)
      await page.getByLabel('Or paste a signature').fill(person(5).sign(text))
      await said('That is no signature of a member over the text.')
      await page.getByLabel('Or paste a signature').fill(third.sign(text))
      await said(/^Taken. 1 more of the members have to sign/)
      expect(await page.locator('#signed li').allTextContents()).toEqual([
        `${named[0]}: has not signed`,
        `${named[1]}: has not signed`,
        `${named[2]}: signed`,
      ])
      await picture('claim-multisig')
      const send = page.getByRole('button', { name: 'Send with my wallet of the new chain' })
      expect(await send.isDisabled()).toBe(true)
      const saving = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Save for somebody else' }).click()
      const path = await (await saving).path()

      // Another member goes on with the file, with an old wallet in the browser.
      await page.getByLabel('Or its address').fill('')
      await page.getByLabel('Address on the new chain').fill('')
      await page.getByLabel('Members, one address a line').fill('')
      const spoilt = (await readFile(path, 'utf8')).replace(/0x0+c1b1b/i, `0x${'99'.repeat(20)}`)
      await writeFile(join(folder, 'spoilt.json'), spoilt)
      await page.getByLabel('Or a claim that another member began').setInputFiles(join(folder, 'spoilt.json'))
      await said(/^The claim can not be used: a signature in it is not/)
      await page.getByLabel('Or a claim that another member began').setInputFiles(path)
      await said(/^This claim pays 0x0+c1b1b\. Sign it only if the members agreed/i)
      await page.locator('#accounts').selectOption(second.account)
      await page.getByRole('button', { name: 'Sign with the old wallet' }).click()
      await said(/^Signed: the tokens go to 0x0+c1b1b, and nowhere else\.$/i)
      expect(await page.locator('#signed li').allTextContents()).toContain(`${named[1]}: signed`)
      await send.click()
      await said(/^Claimed: 444 PHA, which are 444 CLOI, for 0x/)
      expect(await balanceOf(to)).toBe((legacy.owed.get(account) ?? 0n) * 1_000_000n)
      await page.getByLabel('Members, one address a line').fill('')
    })

    it('says what is wrong with what it is given, and runs nothing of it', async () => {
      await page.getByLabel('Or its address').fill(showAccount(`0x${'77'.repeat(32)}`, PHALA))
      await page.getByText('owned nothing on').waitFor()
      await page.getByLabel('Or its address').fill('5Nonsense')
      await said(/is no address of a Substrate chain/)
      await page.getByLabel('Or its address').fill('')
      await page.getByLabel('Address on the new chain').fill('0x1234')
      await said(/^The address on the new chain is none/)
      await page.getByLabel('Address on the new chain').fill('')
      const text = writeLeaves(leaves)
      const [amount = ''] = /(?<=", ?")\d+(?=",0,0\])/.exec(text) ?? []
      const wrong = { 'more.json': text.replace(`"${amount}"`, `"${amount}0"`), 'nonsense.json': HOSTILE }
      for (const [name, content] of Object.entries(wrong)) {
        await writeFile(join(folder, name), content)
        await page.getByLabel('leaves.json').setInputFiles(join(folder, name))
        await said(/^The file of leaves can not be used/)
      }
      await writeFile(join(folder, 'none.json'), JSON.stringify(chain.network))
      await page.getByLabel('network.json').setInputFiles(join(folder, 'none.json'))
      await said(/continues no old chain/)
      expect(await page.locator('#accounts option').allTextContents()).toContainEqual(
        expect.stringContaining(HOSTILE),
      )
      expect(await page.title()).toBe('Cloister: claim what you owned on the old chain')
    })

    it('asked nobody anything but the wallets', () => {
      expect(asked.filter((url) => !/^(file|blob):/.test(url))).toEqual([])
    })

    const person = (index: number) => legacy.people[index] as Person
    const said = (text: string | RegExp) =>
      expect.poll(() => page.getByRole('status').textContent(), { timeout: 10_000 }).toMatch(text)
    const picture = async (name: string) =>
      PICTURES && (await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true }))

    /**
     * The network with what pays the old accounts, as a plan for a real one has it (contracts/deploy), funded
     * by a transfer.
     */
    async function withClaims(): Promise<Network> {
      const token = findToken(chain.network, 'CLOI').address
      const verifier = await create('Signatures', [])
      const treasury = chain.wallet(9).account.address
      const claims = await create('Claims', [token, leaves.tree.root, treasury, 2_500_000_000n, verifier])
      const data = encodeFunctionData({ abi: ERC20, functionName: 'transfer', args: [claims, leaves.total] })
      await sent({ to: token, data })
      return { ...chain.network, contracts: { ...chain.network.contracts, claims } }
    }

    async function create(name: string, args: readonly unknown[]): Promise<Address> {
      const { abi, bytecode } = ARTIFACTS[name] as (typeof ARTIFACTS)[string]
      const { contractAddress } = await sent({ data: encodeDeployData({ abi, bytecode, args }) })
      return contractAddress as Address
    }

    async function sent(transaction: { to?: Address; data: Hex }) {
      const { wallet, client } = chain.wallet(0)
      return client.waitForTransactionReceipt({ hash: await wallet.sendTransaction(transaction) })
    }

    function balanceOf(account: Address): Promise<bigint> {
      const address = findToken(network, 'CLOI').address
      const asking = { address, abi: ERC20, functionName: 'balanceOf', args: [account] } as const
      return chain.wallet(0).client.readContract(asking)
    }

    /** Wallets that sign for real, as extensions put themselves into a page. */
    async function giveWallets(): Promise<void> {
      const signAsOld = (address: string, data: Hex) =>
        legacy.people.find(({ account }) => showAccount(account, PHALA) === address)?.sign(hexToString(data))
      let isSwitched = false
      const askNew = async (method: string, params: never): Promise<unknown> => {
        const { wallet, client, account } = chain.wallet(6)
        if (method === 'eth_requestAccounts') return [account.address.toLowerCase()]
        if (method === 'wallet_switchEthereumChain') isSwitched = true
        if (method === 'wallet_switchEthereumChain') return null
        if (method === 'eth_chainId' && !isSwitched) return '0x1'
        if (method !== 'eth_sendTransaction') return client.request({ method, params } as never)
        const [{ to, data, gas }] = params as [{ to: Address; data: Hex; gas: Hex }]
        return wallet.sendTransaction({ to, data, gas: BigInt(gas) })
      }
      await page.exposeFunction('signAsOld', signAsOld)
      await page.exposeFunction('askNew', askNew)
      const accounts = legacy.people.map(({ account }, index) => ({
        address: showAccount(account, PHALA),
        name: index === 2 ? HOSTILE : `old ${index}`,
      }))
      await page.addInitScript((all) => {
        const given = globalThis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
        const signer = {
          signRaw: async ({ address, data }: Record<string, unknown>) => ({
            signature: await given['signAsOld']?.(address, data),
          }),
        }
        const enable = async () => ({ accounts: { get: async () => all }, signer })
        Object.assign(globalThis, {
          injectedWeb3: { 'polkadot-js': { version: '1', enable } },
          ethereum: {
            request: ({ method, params }: Record<string, unknown>) => given['askNew']?.(method, params),
          },
        })
      }, accounts)
    }
  },
  60_000,
)
