import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { type Hex, numberToHex, zeroAddress } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aliasOf } from '../alias.ts'
import { DEPLOYED, fakeChain, SETTINGS, word } from '../testing.ts'
import { type Finding, findingsOf } from './facts.ts'
import { layer1Facts } from './layer1.ts'
import { layer2Facts } from './layer2.ts'
import { metricsOf } from './metrics.ts'

const { owner, treasury, accounts, proofs } = SETTINGS
const { oracle, portal, systemConfig, superchainConfig, disputeGameFactory } = DEPLOYED
const ADMIN = `0x${'9'.repeat(40)}` as const
const NOW = 2_000_000_000
const HASHES: Hex = `0x${'5'.repeat(192)}`

const LAYER1: Readonly<Record<string, Hex>> = {
  [`${oracle}.owner()`]: word(owner),
  [`${oracle}.challenger()`]: word(zeroAddress),
  [`${oracle}.approvedProposers(address)`]: word(true),
  [`${oracle}.fallbackTimeout()`]: word(1_209_600),
  [`${oracle}.optimisticMode()`]: word(false),
  [`${oracle}.verifier()`]: word(proofs.verifier),
  [`${oracle}.finalizationPeriodSeconds()`]: word(3_600),
  [`${oracle}.lastProposalTimestamp()`]: word(NOW - 14_400),
  [`${oracle}.opSuccinctConfigs(bytes32)`]: HASHES,
  [`${oracle}.disputeGameFactory()`]: word(disputeGameFactory),
  [`${portal}.respectedGameType()`]: word(6),
  [`${portal}.paused()`]: word(false),
  [`${portal}.disputeGameFactory()`]: word(disputeGameFactory),
  [`${disputeGameFactory}.owner()`]: word(owner),
  [`${disputeGameFactory}.gameImpls(uint32)`]: word(ADMIN),
  [`${systemConfig}.owner()`]: word(owner),
  [`${systemConfig}.batcherHash()`]: word(accounts.batcher),
  [`${systemConfig}.unsafeBlockSigner()`]: word(accounts.sequencer),
  [`${superchainConfig}.guardian()`]: word(owner),
  [`${ADMIN}.owner()`]: word(owner),
  [`${owner}.getMinDelay()`]: word(22 * 86_400),
  [`${owner}.hasRole(bytes32,address)`]: word(false),
}
const NODE = {
  eth_chainId: '0x1',
  eth_getBlockByNumber: { number: '0x1', timestamp: numberToHex(NOW), transactions: [] },
  eth_getCode: '0x60',
  eth_getStorageAt: word(ADMIN),
  eth_getBalance: numberToHex(10n ** 18n),
}

const layer1 = (views: Record<string, Hex> = {}, node: Record<string, unknown> = {}) =>
  findingsOf(layer1Facts(fakeChain({ ...LAYER1, ...views }, { ...NODE, ...node }), SETTINGS, DEPLOYED))

describe('a chain on layer 1', () => {
  it('has nothing to be said against it where all holds', async () => {
    expect(await layer1()).toEqual([])
  })

  it.each<[Record<string, Hex>, Partial<Finding>]>([
    [{ [`${oracle}.owner()`]: word(accounts.deployer) }, { what: 'oracle.owner', should: owner }],
    [{ [`${oracle}.challenger()`]: word(owner) }, { what: 'oracle.challenger', should: zeroAddress }],
    [
      { [`${oracle}.approvedProposers(address)`]: word(false) },
      { what: 'oracle: anybody may propose', is: 'false' },
    ],
    [{ [`${oracle}.fallbackTimeout()`]: word(1_209_601) }, { should: 'at most 1209600 s', is: '1209601' }],
    [{ [`${oracle}.optimisticMode()`]: word(true) }, { what: 'oracle.optimisticMode' }],
    [{ [`${oracle}.verifier()`]: word(owner) }, { what: 'oracle.verifier' }],
    [
      { [`${oracle}.opSuccinctConfigs(bytes32)`]: `0x${'5'.repeat(128)}${'0'.repeat(64)}` },
      { should: 'three hashes' },
    ],
    [
      { [`${oracle}.lastProposalTimestamp()`]: word(NOW - 43_201) },
      { what: 'seconds since the last output', is: '43201' },
    ],
    [{ [`${portal}.respectedGameType()`]: word(0) }, { what: 'portal.respectedGameType', is: '0' }],
    [{ [`${portal}.paused()`]: word(true) }, { what: 'portal.paused' }],
    [{ [`${disputeGameFactory}.gameImpls(uint32)`]: word(zeroAddress) }, { should: 'OP Succinct’s wrapper' }],
    [{ [`${systemConfig}.batcherHash()`]: word(owner) }, { what: 'systemConfig.batcherHash' }],
    [{ [`${superchainConfig}.guardian()`]: word(accounts.proposer) }, { what: 'superchainConfig.guardian' }],
    [
      { [`${owner}.getMinDelay()`]: word(86_400) },
      { what: 'owner.getMinDelay', should: 'at least 1900800 s' },
    ],
  ])('is told of where something does not (%#)', async (views, finding) => {
    expect(await layer1(views)).toEqual([expect.objectContaining(finding)])
  })

  it('is told of where anybody else can replace its contracts, or acts for the owner', async () => {
    const replaced = await layer1({ [`${ADMIN}.owner()`]: word(accounts.deployer) })
    expect(replaced.map(({ what }) => what)).toEqual(
      Object.keys(DEPLOYED).map((name) => `who can replace ${name}`),
    )
    const acting = await layer1({ [`${owner}.hasRole(bytes32,address)`]: word(true) })
    expect(acting).toHaveLength(2 * Object.keys(accounts).length)
    expect(acting[0]?.what).toBe('owner: deployer proposes there')
  })

  it('is told of where daemons lack ether, or a verifier is no contract', async () => {
    expect((await layer1({}, { eth_getBalance: '0x1' })).map(({ what }) => what)).toEqual([
      'ether of the batcher',
      'ether of the proposer',
    ])
    expect((await layer1({}, { eth_getCode: '0x' })).map(({ what }) => what)).toEqual([
      'code of oracle.verifier',
      'code of owner',
    ])
  })

  it('holds nowhere where nobody answers', async () => {
    const findings = await findingsOf(layer1Facts(fakeChain({}, {}), SETTINGS, DEPLOYED))
    expect(findings.every(({ is }) => is === 'no answer')).toBe(true)
    expect(findings.length).toBe(layer1Facts(fakeChain({}, {}), SETTINGS, DEPLOYED).length)
  })
})

describe('a chain on layer 2', () => {
  const PREDEPLOY = '0x42000000000000000000000000000000000000'
  const views = {
    [`${PREDEPLOY}18.owner()`]: word(aliasOf(owner)),
    [`${PREDEPLOY}0F.isJovian()`]: word(true),
    [`${PREDEPLOY}11.RECIPIENT()`]: word(treasury),
    [`${PREDEPLOY}19.RECIPIENT()`]: word(treasury),
    [`${PREDEPLOY}1A.RECIPIENT()`]: word(treasury),
    [`${PREDEPLOY}15.timestamp()`]: word(Math.floor(Date.now() / 1000) - 30),
  }
  const node = () => ({
    eth_chainId: numberToHex(SETTINGS.layer2.chainId),
    eth_getBlockByNumber: {
      number: '0x1',
      timestamp: numberToHex(Math.floor(Date.now() / 1000)),
      transactions: [],
    },
    [`call 0x${'100'.padStart(40, '0')}`]: word(1),
  })
  const layer2 = (changed: Record<string, Hex> = {}, asked: Record<string, unknown> = {}) =>
    findingsOf(layer2Facts(fakeChain({ ...views, ...changed }, { ...node(), ...asked }), SETTINGS))

  it('has nothing to be said against it where all holds', async () => {
    expect(await layer2()).toEqual([])
  })

  it('is told of where its owner is not layer 1’s by alias, fees go elsewhere, or it stands still', async () => {
    expect(await layer2({ [`${PREDEPLOY}18.owner()`]: word(owner) })).toEqual([
      { what: 'who can replace predeploys', should: aliasOf(owner), is: expect.stringMatching(/^0xaA/i) },
    ])
    expect(await layer2({ [`${PREDEPLOY}19.RECIPIENT()`]: word(owner) })).toMatchObject([
      { what: 'BaseFeeVault.RECIPIENT' },
    ])
    expect(
      await layer2({}, { eth_getBlockByNumber: { ...NODE.eth_getBlockByNumber, timestamp: '0x1' } }),
    ).toMatchObject([{ what: 'seconds since the newest block', should: 'at most 60 s' }])
    expect(await layer2({ [`${PREDEPLOY}15.timestamp()`]: word(1) })).toMatchObject([
      { what: 'seconds that its view of layer 1 is behind' },
    ])
  })

  it('has metrics of what is found', async () => {
    const text = metricsOf(9, [{ what: 'a "b"\n', should: '', is: '' }])
    expect(text).toContain('cloister_layer2_facts 9\n')
    expect(text).toContain('cloister_layer2_findings 1\n')
    expect(text).toContain('cloister_layer2_wrong{what="a  b  "} 1\n')
  })

  describe('that is real', () => {
    let chain: DevelopmentChain
    beforeAll(async () => {
      chain = await startDevelopmentChain()
    })
    afterAll(() => chain?.stop())

    it('checks signatures of P-256, and lacks what is no OP Stack chain’s', async () => {
      const { client } = chain.wallet(0)
      const found = await findingsOf(layer2Facts(client as never, SETTINGS))
      expect(found.map(({ what }) => what)).not.toContain('P-256 at 0x100')
      expect(found).toContainEqual({
        what: 'chain id of layer 2',
        should: String(SETTINGS.layer2.chainId),
        is: '31337',
      })
      expect(found).toContainEqual(
        expect.objectContaining({ what: 'gasPriceOracle.isJovian', is: 'no answer' }),
      )
    })
  })
})
