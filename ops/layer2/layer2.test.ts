import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FakeRegistry, startFakeRegistry } from '@cloister/development/engines'
import { parse as parseToml } from 'smol-toml'
import { getAddress, zeroAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { aliasOf } from './alias.ts'
import { chainEnvironment, oracleEnvironment, readEnvironment } from './environment.ts'
import { IMAGES, pinImages, unpinned } from './images.ts'
import { intentOf } from './intent.ts'
import { checkKeys } from './keys.ts'
import { readSettings, Settings } from './settings.ts'
import { KEYS, SETTINGS } from './testing.ts'

const here = (name: string) => join(import.meta.dirname, name)
const yamlOf = (name: string) => parseYaml(readFileSync(here(name), 'utf8'), { merge: true })

interface Service {
  image: string
  environment?: Record<string, string>
  command?: string[]
  ports?: string[]
}

describe('what an operator decides', () => {
  it('has an example whose accounts are to be filled in', () => {
    expect(() => readSettings(here('settings.example.json'))).toThrow(/owner: nobody’s address/)
    const example = JSON.parse(readFileSync(here('settings.example.json'), 'utf8'))
    const { owner, treasury, accounts } = SETTINGS
    const filled = { ...example, owner, treasury, accounts, proofs: { ...example.proofs, verifier: owner } }
    expect(Settings.safeParse(filled).success).toBe(true)
  })

  it.each<[object, string]>([
    [{ owner: SETTINGS.accounts.batcher }, 'batcher'],
    [{ proofs: { ...SETTINGS.proofs, fallbackSeconds: 1_209_601 } }, 'proofs.fallbackSeconds'],
    [{ proofs: { ...SETTINGS.proofs, finalizationSeconds: 60 } }, 'proofs.finalizationSeconds'],
    [{ contracts: { l1Locator: 'x"\nconfigType = "standard', l2Locator: 'x' } }, 'contracts.l1Locator'],
    [{ layer1: { ...SETTINGS.layer1, rpcUrl: 'http://layer1:1\nOWNER=0x1' } }, 'layer1.rpcUrl'],
    [{ proofs: { ...SETTINGS.proofs, verifier: zeroAddress } }, 'verifier'],
    [{ layer2: { ...SETTINGS.layer2, chainId: 1 } }, 'layer2.chainId'],
    [{ challenger: SETTINGS.owner }, ''],
  ])('is refused where it would let somebody be faster, or say something else (%#)', (changes, path) => {
    const parsed = Settings.safeParse({ ...SETTINGS, ...changes })
    expect(parsed.error?.issues.map((issue) => issue.path.join('.'))).toContain(path)
  })
})

describe('op-deployer’s intent', () => {
  it('has the owner in every role that is no daemon’s, on layer 2 by its alias', () => {
    const intent = parseToml(intentOf(SETTINGS)) as Record<string, unknown> & {
      chains: [Record<string, unknown>]
    }
    const { owner, treasury, accounts } = SETTINGS
    expect(intent).toMatchObject({ configType: 'custom', l1ChainID: 1, fundDevAccounts: false })
    expect(intent['superchainRoles']).toEqual({ superchainProxyAdminOwner: owner, superchainGuardian: owner })
    const [chain] = intent.chains
    expect(BigInt(String(chain['id']))).toBe(BigInt(SETTINGS.layer2.chainId))
    expect(chain['roles']).toEqual({
      l1ProxyAdminOwner: owner,
      l2ProxyAdminOwner: aliasOf(owner),
      systemConfigOwner: owner,
      unsafeBlockSigner: accounts.sequencer,
      batcher: accounts.batcher,
      proposer: accounts.proposer,
      challenger: owner,
    })
    for (const vault of ['baseFeeVaultRecipient', 'l1FeeVaultRecipient', 'sequencerFeeVaultRecipient'])
      expect(chain[vault]).toBe(treasury)
    const known = parseToml(
      intentOf({ ...SETTINGS, contracts: { ...SETTINGS.contracts, opcm: SETTINGS.owner } }),
    )
    expect(known).toMatchObject({ opcmAddress: SETTINGS.owner })
    expect(known).not.toHaveProperty('superchainRoles')
  })

  it('knows aliases, which begin anew after the last address', () => {
    expect(aliasOf(zeroAddress)).toBe(getAddress('0x1111000000000000000000000000000000001111'))
    expect(aliasOf(`0xeeee${'e'.repeat(32)}eeee`)).toBe(getAddress(`0xffff${'e'.repeat(32)}ffff`))
    expect(aliasOf(`0x${'f'.repeat(40)}`)).toBe(getAddress('0x1111000000000000000000000000000000001110'))
  })
})

describe('the oracle', () => {
  it('is deployed with any proposer, no challenger, and an owner that waits', () => {
    expect(Object.fromEntries(readEnvironment(oracleEnvironment(SETTINGS)))).toMatchObject({
      PROPOSER: zeroAddress,
      CHALLENGER: zeroAddress,
      OWNER: SETTINGS.owner,
      FALLBACK_TIMEOUT_SECS: '1209600',
      FINALIZATION_PERIOD_SECS: '3600',
      SUBMISSION_INTERVAL: '1',
    })
  })
})

describe('the daemons’ Compose file', () => {
  const services: Record<string, Service> = yamlOf('compose.yaml').services

  it('takes every image by a digest, or does not start', () => {
    const images = Object.values(services).map(({ image }) => image)
    expect(new Set(images)).toEqual(new Set(Object.keys(IMAGES).map((name) => `\${${name}:?pin it}`)))
  })

  it('takes nothing that no file of the operator’s has', () => {
    const used = [...readFileSync(here('compose.yaml'), 'utf8').matchAll(/\$\{([A-Z0-9_]+)/g)].map(
      ([, name]) => name,
    )
    const written = [
      ...Object.keys(IMAGES),
      ...Object.keys(KEYS),
      ...readEnvironment(chainEnvironment(SETTINGS)).keys(),
      ...[
        'PROOFS_DATABASE_PASSWORD',
        'PROVER_NETWORK_PRIVATE_KEY',
        'ORACLE',
        'DISPUTE_GAME_FACTORY',
        'BATCH_BLOCKS',
      ],
    ]
    expect([...new Set(used)].filter((name) => !written.includes(name ?? ''))).toEqual([])
    const readme = readFileSync(here('README.md'), 'utf8')
    for (const name of [
      'PROOFS_DATABASE_PASSWORD',
      'PROVER_NETWORK_PRIVATE_KEY',
      'ORACLE',
      'DISPUTE_GAME_FACTORY',
    ])
      expect(readme).toContain(name)
  })

  it('never takes a made-up proof, and shows strangers nothing but a port for other nodes', () => {
    expect(services['proposer']?.environment).toMatchObject({
      OP_SUCCINCT_MOCK: 'false',
      SAFE_DB_FALLBACK: 'false',
    })
    const ports = Object.values(services).flatMap((service) => service.ports ?? [])
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual(['9222:9222/tcp', '9222:9222/udp'])
  })

  it('is asked by Prometheus by the names that it has', () => {
    const { scrape_configs: jobs } = yamlOf('prometheus/prometheus.yaml')
    const asked = jobs.map((job: { job_name: string }) => job.job_name)
    expect(asked.filter((name: string) => name !== 'machine' && !(name in services))).toEqual([])
    const [group] = yamlOf('prometheus/alerts.yaml').groups
    const down = group.rules.find(({ alert }: { alert: string }) => alert === 'Layer2Down')
    for (const name of asked.filter((name: string) => name !== 'machine')) expect(down.expr).toContain(name)
    for (const { labels, annotations } of group.rules) {
      expect(['page', 'ticket']).toContain(labels.severity)
      expect(annotations.summary).toMatch(/\.$/)
    }
  })
})

describe('images', () => {
  let folder: string
  let registry: FakeRegistry
  let digest: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cloister-layer2-'))
    const manifest = JSON.stringify({ schemaVersion: 2, manifests: [] })
    digest = createHash('sha256').update(manifest).digest('hex')
    mkdirSync(join(folder, 'blobs/sha256'), { recursive: true })
    writeFileSync(join(folder, 'blobs/sha256', digest), manifest)
    registry = await startFakeRegistry(folder)
    registry.tags.set('images/op-geth:v1', `sha256:${digest}`)
  })
  afterAll(async () => {
    await registry?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('are pinned to the bytes that a registry has under a tag', async () => {
    const repository = `${registry.host}/images/op-geth`
    const pinned = await pinImages({ OP_GETH_IMAGE: 'v1' }, { OP_GETH_IMAGE: repository }, [registry.host])
    expect(readEnvironment(pinned).get('OP_GETH_IMAGE')).toBe(`${repository}@sha256:${digest}`)
    const pin = (tag: string) =>
      pinImages({ OP_GETH_IMAGE: tag }, { OP_GETH_IMAGE: repository }, [registry.host])
    await expect(pin('v2')).rejects.toMatchObject({ code: 'image-unavailable' })
    await expect(pin('latest')).rejects.toMatchObject({ code: 'bad-option' })
    await expect(pinImages({})).rejects.toThrow('OP_GETH_IMAGE=v1.2.3')
  })

  it('are refused where they could be others tomorrow', () => {
    const all = Object.entries(IMAGES).map(([name, image]) => `${name}=${image}@sha256:${'a'.repeat(64)}`)
    expect(unpinned(all.join('\n'))).toEqual([])
    const tagged = [
      `OP_NODE_IMAGE=${IMAGES.OP_NODE_IMAGE}:v1.2.3`,
      ...all.filter((line) => !line.startsWith('OP_NODE')),
    ]
    expect(unpinned(tagged.join('\n'))).toEqual([expect.stringContaining('OP_NODE_IMAGE is')])
    expect(unpinned(all.slice(1).join('\n'))).toEqual([expect.stringContaining('OP_GETH_IMAGE is missing')])
  })
})

describe('keys', () => {
  const text = (keys: Record<string, string>) =>
    `# keys\n${Object.entries(keys)
      .map(([name, key]) => `${name}=${key}`)
      .join('\n')}\n`

  it('have to be those of the accounts that the settings name, and are never said', () => {
    checkKeys(text(KEYS), SETTINGS)
    const swapped = { ...KEYS, BATCHER_PRIVATE_KEY: KEYS.PROPOSER_PRIVATE_KEY }
    const { address } = privateKeyToAccount(KEYS.PROPOSER_PRIVATE_KEY)
    let said = ''
    try {
      checkKeys(text(swapped), SETTINGS)
    } catch (error) {
      said = String(error)
    }
    expect(said).toContain(`BATCHER_PRIVATE_KEY of keys.env is the key of ${address}`)
    expect(said).not.toContain('3333333333')
    expect(() => checkKeys(text({ ...KEYS, SEQUENCER_PRIVATE_KEY: '0x12' }), SETTINGS)).toThrow('is no key')
    expect(() => checkKeys('', SETTINGS)).toThrow('BATCHER_PRIVATE_KEY')
  })
})
