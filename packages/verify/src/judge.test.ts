import type { TrustRoot } from '@cloister/attest'
import { parsePolicy, statementDigest, workerBinding } from '@cloister/core'
import { type DevelopmentPlatform, DevelopmentRoot } from '@cloister/development/root'
import { concat, hexToBytes, sha256 } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { beforeAll, describe, expect, it } from 'vitest'
import type { EvidenceBundle } from './bundle.ts'
import { judgeGuest } from './guest.ts'
import { judge } from './judge.ts'

const CONTRACT = `0x${'11'.repeat(20)}` as const
const NONCE = sha256('0x02')
const NOW = Math.floor(Date.now() / 1000)

let root: DevelopmentRoot
let trust: { root: TrustRoot; checkedOnChain: true }
let platform: DevelopmentPlatform
let bundle: EvidenceBundle
let reportData: Uint8Array

beforeAll(async () => {
  root = await DevelopmentRoot.create()
  trust = { root: root.trust, checkedOnChain: true }
  platform = await root.manufacture()
  const worker = privateKeyToAccount(generatePrivateKey())
  const tlsKeyHash = sha256('0x01')
  const bound = { chainId: 31337, workers: CONTRACT, provider: CONTRACT, worker: worker.address, tlsKeyHash }
  reportData = hexToBytes(concat([workerBinding(bound), NONCE]))
  const said = { lease: sha256('0x03'), manifestHash: sha256('0x04'), images: {}, instant: NOW }
  const signature = await worker.sign({ hash: statementDigest(said, 31337, CONTRACT) })
  bundle = {
    format: 'cloister-evidence/1',
    recordedAt: NOW,
    network: { name: 'test', chainId: 31337, workers: CONTRACT, market: CONTRACT },
    worker: { address: worker.address, provider: CONTRACT, endpoint: 'https://worker.example' },
    evidence: {
      kind: 'tdx',
      quote: Buffer.from(platform.quote(reportData)).toString('base64'),
      tlsKeyHash,
      freshness: { kind: 'nonce', nonce: NONCE },
    },
    endorsements: await root.endorsements(),
    chain: { coveredUntil: NOW + 100, measurementRoles: 1 },
    lease: {
      id: said.lease,
      tenant: CONTRACT,
      manifestHash: said.manifestHash,
      statement: { ...said, signature },
    },
  }
})

describe('judging a worker', () => {
  it('finds nothing against one whose evidence holds, where nothing else is demanded', async () => {
    expect(await judge(bundle, trust)).toMatchObject({ genuine: true, simulated: true, failures: [] })
  })

  it.each<[string, (good: EvidenceBundle) => unknown, RegExp]>([
    ['is no bundle', () => ({ format: 'something else' }), /^The bundle is wrong at format/],
    [
      'answers another question',
      ({ evidence, ...rest }) => ({
        ...rest,
        evidence: { ...evidence, freshness: { kind: 'nonce', nonce: sha256('0x') } },
      }),
      /^The quote is an old one/,
    ],
    [
      'is of another worker’s',
      ({ worker, ...rest }) => ({ ...rest, worker: { ...worker, address: CONTRACT } }),
      /^The quote was made for another worker/,
    ],
    [
      'has a measurement that governance does not list',
      ({ chain, ...rest }) => ({ ...rest, chain: { ...chain, measurementRoles: 2 } }),
      /^The guest’s measurement is not on the network’s list/,
    ],
    [
      'is not covered',
      ({ chain, ...rest }) => ({ ...rest, chain: { ...chain, coveredUntil: NOW } }),
      /^The worker is not covered/,
    ],
    [
      'does not say what it runs',
      ({ lease, ...rest }) => ({ ...rest, lease: { ...lease, statement: undefined } }),
      /^What is said to run is not signed/,
    ],
    [
      'runs another manifest',
      ({ lease, ...rest }) => ({ ...rest, lease: { ...lease, manifestHash: sha256('0x') } }),
      /^The worker runs another manifest/,
    ],
  ])('refuses one that %s', async (_, change, failure) => {
    const { genuine, failures } = await judge(change(structuredClone(bundle)), trust)
    expect(genuine).toBe(false)
    expect(failures[0]).toMatch(failure)
  })

  it('refuses one under a root that is not believed, whatever policy lets it', async () => {
    const stranger = await DevelopmentRoot.create()
    const { genuine, failures } = await judge(bundle, { ...trust, root: stranger.trust })
    expect(genuine).toBe(false)
    expect(failures).not.toEqual([])
  })

  it('demands what a policy says, and nothing that it leaves out', async () => {
    const { genuine, failures } = await judge(bundle, trust, { policy: { roots: ['intel'] } })
    expect(genuine).toBe(true)
    expect(failures).toEqual(['Its root is devnet, which is simulated; the policy wants intel.'])
    const whole = parsePolicy('', true)
    expect(
      (await judge(bundle, trust, { policy: whole, facts: { attestedSecondsAgo: 1 } })).failures,
    ).toEqual([])
    // An age that nobody gave is not taken for a young one.
    expect((await judge(bundle, trust, { policy: whole })).failures).toHaveLength(1)
  })
})

describe('judging a guest', () => {
  const guest = () => ({
    kind: 'tdx' as const,
    quote: platform.quote(reportData),
    endorsements: bundle.endorsements,
  })

  it('tells whose evidence it is, and how fresh, apart from what hardware says', async () => {
    const at = { root: root.trust, instant: NOW }
    const good = await judgeGuest(guest(), { ...at, reportData })
    expect([good.hardware.genuine, good.binding.problems]).toEqual([true, []])
    const codes = async (wanted: Uint8Array) =>
      (await judgeGuest(guest(), { ...at, reportData: wanted })).binding.problems.map(({ code }) => code)
    expect(await codes(reportData.with(0, 1))).toEqual(['binding'])
    expect(await codes(reportData.with(63, 1))).toEqual(['freshness'])
    expect(await codes(reportData.subarray(0, 63))).toEqual(['freshness'])
    expect(await codes(new Uint8Array())).toEqual(['binding', 'freshness'])
  })

  it('that is none throws nothing', async () => {
    const none = { ...guest(), quote: new Uint8Array(3) }
    const { hardware, binding } = await judgeGuest(none, { reportData, root: root.trust, instant: NOW })
    expect([hardware.genuine, binding.problems.length]).toEqual([false, 2])
  })
})
