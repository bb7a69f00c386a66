import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  ADMISSION_ABI,
  CLAIMS_ABI,
  EMISSION_ABI,
  findToken,
  MARKET_ABI,
  STAKE_ABI,
  TOKEN_ABI,
  WORKERS_ABI,
} from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { developmentKey } from '@cloister/development/accounts'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { Leaves, writeLeaves } from '@cloister/migration'
import { encodeFunctionData, zeroAddress, zeroHash } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ARTIFACTS, account, checkDeployment, LAYER2, type Plan, runPlan, withClaims } from './index.ts'

const MAIN = join(import.meta.dirname, 'main.ts')

let chain: DevelopmentChain
beforeAll(async () => {
  chain = await startDevelopmentChain()
})
afterAll(() => chain.stop())

/** What a plan for a real network leaves open, with accounts of the development chain. */
const open = () => ({
  artifacts: ARTIFACTS,
  accounts: {},
  given: {
    floors: [],
    measurements: [],
    keyServiceManifest: zeroHash,
    emissionStart: 1_900_000_800n,
    stable: chain.wallet(6).account.address,
  },
})

it('of the embedded network leaves everything as the plan says', async () => {
  expect(await checkDeployment(chain.wallet(0), chain.deployment)).toEqual([])
})

it('of a real network leaves nothing to whoever deploys it, and nothing to be done', async () => {
  const deployer = chain.wallet(5)
  const { deployment } = await runPlan(deployer, { plan: LAYER2, ...open() })
  expect(await checkDeployment(deployer, deployment)).toEqual([])
  // Leases can be paid for from the first block on.
  const market = { address: deployment.addresses['market'] ?? '0x', abi: MARKET_ABI } as const
  const tokens = [deployment.addresses['cloi'], open().given.stable]
  for (const [index, token] of tokens.entries())
    expect(
      await deployer.client.readContract({ ...market, functionName: 'tokens', args: [BigInt(index)] }),
    ).toBe(token)
})

/** An old chain, as a snapshot gives it. */
const OLD_CHAIN = {
  root: `0x${'22'.repeat(32)}`,
  total: 123_456n * 10n ** 18n,
  until: 2_000_000_000n,
} as const

it('of a network that continues an old token has exactly its sum waiting for the accounts', async () => {
  const deployer = chain.wallet(5)
  const { deployment } = await runPlan(deployer, { plan: withClaims(LAYER2, OLD_CHAIN), ...open() })
  expect(await checkDeployment(deployer, deployment)).toEqual([])
  // Nobody can create more for it, nor stop a deployment by being quicker; what another chain's snapshot
  // says shows.
  const to = deployment.addresses['claims']
  const data = encodeFunctionData({ abi: CLAIMS_ABI, functionName: 'fund' })
  const hash = await deployer.wallet.sendTransaction({ to, data })
  expect(await deployer.client.waitForTransactionReceipt({ hash })).toMatchObject({ status: 'success' })
  expect(await checkDeployment(deployer, deployment)).toEqual([])
  const other = { ...deployment, plan: withClaims(LAYER2, { ...OLD_CHAIN, total: OLD_CHAIN.total + 1n }) }
  expect((await checkDeployment(deployer, other)).map(({ what }) => what)).toEqual([
    'cloi.unallotted()',
    'cloi.totalSupply()',
    expect.stringMatching(/^cloi\.balanceOf\(claims/),
  ])
})

/** Views that name a contract which can't be changed, and which gives nobody a power. */
const REFERENCES = new Set(
  'admission platforms workers market vouchers token stake power tracks ballots verifier pendingOwner'.split(
    ' ',
  ),
)

it('has the roles that docs/governance.md says, and no other', async () => {
  const { plan } = chain.deployment
  const roles = withClaims(plan, OLD_CHAIN).facts.flatMap(({ of, view, args, is }) => {
    const holder = Array.isArray(is) && is.length === 1 ? is[0] : is
    if (args.length > 0 || REFERENCES.has(view)) return []
    if (holder === zeroAddress) return [`${of}.${view}: nobody`]
    const named = typeof holder === 'object' && 'contract' in holder ? holder.contract : undefined
    return named === undefined ? [] : [`${of}.${view}: ${named}`]
  })
  const docs = readFileSync(join(import.meta.dirname, '../../docs/governance.md'), 'utf8')
  const told = [...docs.matchAll(/^\| `(\w+\.\w+)` +\| (\w+) /gm)].map(([, role, who]) => `${role}: ${who}`)
  expect(told.toSorted()).toEqual(roles.toSorted())
})

it('shows a role that was left with the deployer', async () => {
  const careless: Plan = {
    ...LAYER2,
    contracts: LAYER2.contracts.map((planned) =>
      planned.name === 'slashing'
        ? { ...planned, args: [account('deployer'), ...planned.args.slice(1)] }
        : planned,
    ),
  }
  const { deployment } = await runPlan(chain.wallet(5), { plan: careless, ...open() })
  expect(await checkDeployment(chain.wallet(5), deployment)).toEqual([
    {
      what: 'slashing.owner()',
      planned: expect.stringMatching(/^safe /),
      found: expect.stringMatching(/^deployer /),
    },
  ])
})

it('is not checked by a plan that forgets whom a contract obeys', async () => {
  const forgetful = { ...LAYER2, facts: LAYER2.facts.filter(({ view }) => view !== 'slasher') }
  const checked = checkDeployment(chain.wallet(0), { ...chain.deployment, plan: forgetful })
  await expect(checked).rejects.toMatchObject({
    code: 'bad-plan',
    message: expect.stringContaining('stake.slasher'),
  })
})

it('sends nothing where the plan names what is not there', async () => {
  const { client, account: deployer } = chain.wallet(7)
  const { stable: _, ...given } = open().given
  await expect(runPlan(chain.wallet(7), { plan: LAYER2, ...open(), given })).rejects.toMatchObject({
    code: 'bad-plan',
  })
  expect(await client.getTransactionCount({ address: deployer.address })).toBe(0)
})

it('leaves nobody, and not its Safe, who can change the embedded network at once', async () => {
  const { client, account, network } = chain.governance
  const { contracts } = network
  const cloi = findToken(network, 'CLOI').address
  const treasury = chain.wallet(9).account.address
  expect(TOKEN_ABI.some((item) => item.type === 'function' && /role/i.test(item.name))).toBe(false)
  // Whatever its owner asks for at once is refused.
  const attempts = [
    [
      contracts.stake,
      encodeFunctionData({ abi: STAKE_ABI, functionName: 'setSlasher', args: [account.address] }),
    ],
    [
      contracts.stake,
      encodeFunctionData({
        abi: STAKE_ABI,
        functionName: 'slash',
        args: [contracts.market, 1n, account.address, 0n, `0x${'00'.repeat(32)}`],
      }),
    ],
    [
      contracts.stake,
      encodeFunctionData({ abi: STAKE_ABI, functionName: 'transferOwnership', args: [treasury] }),
    ],
    [
      contracts.emission,
      encodeFunctionData({ abi: EMISSION_ABI, functionName: 'pay', args: [account.address, 1n] }),
    ],
    [cloi, encodeFunctionData({ abi: TOKEN_ABI, functionName: 'mint', args: [account.address, 1n] })],
    [cloi, encodeFunctionData({ abi: TOKEN_ABI, functionName: 'allot', args: [account.address, 1n] })],
    [
      contracts.market,
      encodeFunctionData({ abi: MARKET_ABI, functionName: 'setNoticePeriod', args: [3_600n] }),
    ],
    [
      contracts.workers,
      encodeFunctionData({ abi: WORKERS_ABI, functionName: 'setVerdictThreshold', args: [16n] }),
    ],
    [
      contracts.admission,
      encodeFunctionData({
        abi: ADMISSION_ABI,
        functionName: 'setMeasurement',
        args: [`0x${'11'.repeat(32)}`, 3],
      }),
    ],
  ] as const
  for (const [to, data] of attempts)
    await expect(client.call({ account: account.address, to, data }), data.slice(0, 10)).rejects.toThrow()
})

/**
 * Functions that only the owner may call and that take effect at once, and why that takes nothing from
 * anybody.
 */
const AT_ONCE = {
  announce: 'it says what is to come, in 22 days',
  callOff: 'what was announced does not come',
  setCollateralPerGpu: 'it waits 22 days by itself, so that more can be locked by then',
  setToken: 'a higher fee is announced',
  propose: 'a slash waits a week, is bounded, and is not repeated before people have left',
  cancel: 'a slash does not come; of a grant, what has streamed stays the grantee’s',
  open: 'it promises what is free in the community pool, and nothing of anybody else’s',
  confirm: 'it pays what was promised',
  reclaim: 'it takes to the treasury what nobody was granted',
  raiseFloor: 'it keeps platforms out for 29 days, and not again for 22',
  lowerFloor: 'it goes back to the floor that was announced',
  suspendMeasurement:
    'it keeps guests of a measurement out for 29 days, and not again for 22, or takes that back',
  setManifest: 'the first one, before which nothing is sealed; others are announced',
  vacate: 'one seat a week, which can be filled from the others by then',
}

it('has an owner that takes nothing and lets nobody in at once', () => {
  const folder = join(import.meta.dirname, '../src')
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.sol'),
  )
  const found = sources.flatMap((name) => {
    const source = readFileSync(join(folder, name), 'utf8')
    return [...source.matchAll(/function (\w+)\([^{;]*onlyOwner[^{;]*\{([\s\S]*?)\n {4}\}/g)].map(
      ([, called = '', body = '']) => ({ called, body }),
    )
  })
  expect(found.length).toBeGreaterThan(20)
  for (const { called, body } of found)
    if (!(called in AT_ONCE)) expect(body, called).toMatch(/^\s*_useAnnouncement\(\);/)
  expect(Object.keys(AT_ONCE).filter((name) => !found.some(({ called }) => called === name))).toEqual([])
})

it('is done from settings alone, which are wrong where they say so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-deploy-'))
  try {
    const account = `0x${'33'.repeat(32)}` as const
    const leaves = new Leaves(
      { name: 'phala', specVersion: 1, symbol: 'PHA', decimals: 12, prefix: 30, secondsPerBlock: 12 },
      1,
      [{ account, amount: 10n ** 18n, vestsFrom: 0, vestsUntil: 0 }],
      new Map(),
    )
    const { contracts: _, deployedAt: __, tokens: ___, ...described } = chain.network
    const { root: ____, ...attestation } = described.attestation
    const settings = {
      ...described,
      development: false,
      attestation,
      emissionStart: 1_900_000_800,
      usdc: chain.wallet(6).account.address,
      floors: [],
      measurements: [{ measurement: `0x${'11'.repeat(32)}`, roles: 1 }],
      oldChain: { leaves: 'leaves.json', until: Number(OLD_CHAIN.until) },
    }
    writeFileSync(join(folder, 'leaves.json'), writeLeaves(leaves))
    const paths = [join(folder, 'settings.json'), join(folder, 'network.json')] as const
    const key = developmentKey(chain.network, 8)
    const run = async (given: object, ...flags: string[]) => {
      writeFileSync(paths[0], JSON.stringify(given))
      const options = { env: { ...process.env, CLOISTER_DEPLOYER_KEY: key } }
      return promisify(execFile)(process.execPath, [MAIN, ...paths, ...flags], options)
    }
    expect((await run(settings)).stdout).toContain('  owner() will be safe\n')
    expect(existsSync(paths[1])).toBe(false)
    await run(settings, '--run')
    const network = loadNetwork(paths[1])
    const claims = { address: network.contracts.claims ?? '0x', abi: CLAIMS_ABI } as const
    expect(await chain.wallet(0).client.readContract({ ...claims, functionName: 'root' })).toBe(
      leaves.tree.root,
    )
    await expect(run({ ...settings, chainId: 1 }, '--run')).rejects.toThrow('is on 1.')
    await expect(run({ ...settings, emissionStart: 1_900_000_801 }, '--run')).rejects.toThrow(
      'not a full hour',
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
