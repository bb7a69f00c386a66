import { CloisterError, type Manifest, parseManifest, toCanonicalJson } from '@cloister/core'
import { type Address, type Hex, zeroHash } from 'viem'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { type Session, sessionOf } from '../session.ts'
import { checkWorkerFor } from './check-worker.ts'
import { evidence, verify } from './verify.ts'

const WORKER: Address = '0x90F79bf6EB2c4f870365E785982E1f101E93b906'
const LEASE: Hex = `0x${'7f3a'.padEnd(64, '0')}`
const record = { worker: WORKER, provider: WORKER, endpoint: 'https://worker', tlsKeyHash: zeroHash }
const manifestOf = (lines = '') =>
  parseManifest(`services:\n  web:\n    image: web\n${lines}`, { file: 'compose.yaml' }).manifest

let cloister: Cloister
/** What the index was asked for. */
let asked: string[]

beforeEach(() => {
  asked = []
  const index = {
    worker: async (key: string) => {
      asked.push(key)
      return record
    },
    lease: async (key: string) => {
      asked.push(key)
      return { ...record, lease: LEASE, tenant: WORKER, name: 'shop' }
    },
  }
  cloister = { network: { development: true }, index, wallet: undefined } as unknown as Cloister
})

/** Has the session with the worker, or about its lease, come to a bundle. */
function withBundle(bundle: object, about: Parameters<typeof sessionOf>[1] = record) {
  const session = sessionOf(cloister, about)
  const found = { bundle, verdict: { genuine: true } }
  return vi.spyOn(session, 'verify').mockResolvedValue(found as Awaited<ReturnType<Session['verify']>>)
}

describe('verify', () => {
  it('finds out what a worker’s address, a lease or the URL of a service names', async () => {
    withBundle({})
    const ofLease = withBundle({}, { ...record, lease: LEASE, tenant: WORKER })
    await verify(cloister, WORKER.toLowerCase())
    for (const key of [
      'shop',
      LEASE,
      'https://shop-web.cloister.example/path',
      'http://7f3a0000-web.localhost:8080',
    ])
      await verify(cloister, key)
    expect(asked).toEqual([WORKER.toLowerCase(), 'shop', LEASE, 'shop', '7f3a0000'])
    expect(ofLease).toHaveBeenCalledTimes(4)
    expect(ofLease).toHaveBeenLastCalledWith({}, { fresh: true })
  })

  it.each(['http://127.0.0.1:8080/', 'https://example.org/'])('takes %s for no lease', async (url) => {
    await expect(verify(cloister, url)).rejects.toMatchObject({
      code: 'not-found',
      message: `${new URL(url).hostname} does not name a lease.`,
    })
    expect(asked).toEqual([])
  })
})

describe('evidence', () => {
  it('has the manifest in it where it is given, and was recorded, not asked for anew', async () => {
    const about = { ...record, lease: LEASE, tenant: WORKER }
    const spy = withBundle({ lease: { id: LEASE } }, about)
    expect(await evidence(cloister, 'shop')).toEqual({ lease: { id: LEASE } })
    const manifest = manifestOf()
    expect(await evidence(cloister, 'shop', manifest)).toEqual({
      lease: { id: LEASE, manifest: toCanonicalJson(manifest) },
    })
    expect(spy).toHaveBeenLastCalledWith({}, { fresh: false })
  })

  it('of a worker has no manifest', async () => {
    withBundle({})
    await expect(evidence(cloister, WORKER, manifestOf())).rejects.toMatchObject({ code: 'bad-option' })
  })
})

describe('a worker that is to get another manifest', () => {
  const demand = vi.fn(async () => {})
  const sessionThat = (report: object, about: object = record): Session => {
    demand.mockClear()
    const worker = { report: async () => ({ gpuClass: '', attributes: {}, ...report }) }
    return { cloister, worker, demand, about } as unknown as Session
  }

  it('keeps to the notice of its lease, which an update can not change', async () => {
    let noticeMinutes = 0
    const readContract = async ({ functionName }: { functionName: string }) =>
      functionName === 'leaseOf' ? { noticeMinutes, state: 1 } : 86_400n
    const chain = { client: { readContract }, network: { contracts: {} } }
    const session = sessionThat({}, { ...record, lease: LEASE })
    Object.assign(session, { cloister: { ...cloister, chain } })
    await checkWorkerFor(session, manifestOf())
    noticeMinutes = 5
    await expect(checkWorkerFor(session, manifestOf())).rejects.toMatchObject({ code: 'notice-too-short' })
    const bearing: Manifest = { ...manifestOf(), demands: { noticeSeconds: 300 } }
    await checkWorkerFor(session, bearing)
  })

  it('is asked nothing where the manifest demands nothing', async () => {
    await checkWorkerFor(sessionThat({}), manifestOf())
    expect(demand).not.toHaveBeenCalled()
  })

  it('has to have the attributes that the manifest asks for', async () => {
    const manifest = { ...manifestOf(), attributes: { region: 'home' } }
    await checkWorkerFor(sessionThat({ attributes: { region: 'home' } }), manifest)
    await expect(checkWorkerFor(sessionThat({}), manifest)).rejects.toMatchObject({
      code: 'unsupported',
      message: 'The file asks for region=home; at this worker it is "not set".',
      hint: 'Deploy it as a new lease, which asks other workers too.',
    })
  })

  it('has its evidence looked at where a policy is given', async () => {
    const policy = { roots: ['devnet'], maxAgeSeconds: 60 } as never
    await checkWorkerFor(sessionThat({}), manifestOf(), policy)
    expect(demand).toHaveBeenCalledWith(expect.objectContaining({ maxAgeSeconds: 60 }), expect.anything())
    const session = sessionThat({})
    demand.mockRejectedValueOnce(new CloisterError('policy', 'It is too old.'))
    await expect(checkWorkerFor(session, manifestOf(), policy)).rejects.toMatchObject({ code: 'policy' })
  })
})
