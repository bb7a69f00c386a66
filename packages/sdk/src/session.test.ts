import { createServer, type Server } from 'node:https'
import { issueTlsCertificate, newTlsKey, tlsKeyHashOf } from '@cloister/attest/node/tls'
import { type Served, serve } from '@cloister/transport'
import { bytesToHex, type Hex, sha256, zeroAddress, zeroHash } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cloister } from './cloister.ts'
import { type Counterpart, sessionOf } from './session.ts'

const LEASE = sha256('0x01')
const TENANT = `0x${'11'.repeat(20)}` as const
const asked: { path: string | undefined; authorization: string | undefined }[] = []
let server: Server
let served: Served
let tlsKeyHash: Hex

beforeAll(async () => {
  const key = newTlsKey()
  tlsKeyHash = bytesToHex(tlsKeyHashOf(key))
  const cert = await issueTlsCertificate(key, { host: '127.0.0.1' })
  // A worker that has the key which the index names, and no evidence to show for it.
  server = createServer({ key, cert }, (request, response) => {
    asked.push({ path: request.url, authorization: request.headers.authorization })
    response.writeHead(503, { 'content-type': 'application/problem+json' })
    response.end('{"type":"about:blank","title":"No quote.","status":503,"code":"no-evidence"}')
  })
  served = await serve('The test', server, { host: '127.0.0.1', port: 0 })
})
afterAll(() => served.close())

/** A network without a chain: what is asked of it here is that a lease is where the index says. */
const cloister = (onChain = zeroAddress as string) => {
  const network = { chainId: 1, development: true, contracts: { market: zeroAddress } }
  const client = { readContract: async () => ({ worker: onChain, state: 1, terms: {} }) }
  const account = { address: TENANT }
  const wallet = { account, network, wallet: { signTypedData: async () => zeroHash } }
  return { network, chain: { network, client }, wallet } as unknown as Cloister
}
const about = (change: Partial<Counterpart> = {}): Counterpart => ({
  worker: zeroAddress,
  provider: zeroAddress,
  endpoint: `https://127.0.0.1:${served.port}`,
  tlsKeyHash,
  tenant: TENANT,
  ...change,
})

describe('a session', () => {
  it('is one for each worker and lease, until the index says otherwise of it', () => {
    const network = cloister()
    const session = sessionOf(network, about())
    expect(sessionOf(network, about())).toBe(session)
    expect(session.worker).toBe(session.worker)
    for (const change of [{ lease: LEASE }, { tlsKeyHash: zeroHash }, { endpoint: 'https://elsewhere' }])
      expect(sessionOf(network, about(change))).not.toBe(session)
    expect(sessionOf(cloister(), about())).not.toBe(session)
  })

  it('gives no request to a worker whose evidence was not checked, though its key is the one on record', async () => {
    asked.length = 0
    const { asTenant } = sessionOf(cloister(), about())
    await expect(asTenant.lease(LEASE)).rejects.toMatchObject({ code: 'no-evidence' })
    expect(asked).toHaveLength(1)
    expect(asked[0]?.path).toMatch(/^\/v1\/evidence\?nonce=/)
    expect(asked[0]?.authorization).toBeUndefined()
    // It is found out anew each time, until it is known.
    await expect(asTenant.lease(LEASE)).rejects.toMatchObject({ code: 'no-evidence' })
    expect(asked).toHaveLength(2)
  })

  it('speaks to nobody over another key than the one on record', async () => {
    asked.length = 0
    const { worker } = sessionOf(cloister(), about({ tlsKeyHash: zeroHash }))
    await expect(worker.lease(LEASE)).rejects.toMatchObject({
      code: 'not-attested',
      message: expect.stringContaining('its TLS key is not the attested one'),
    })
    expect(asked).toEqual([])
  })

  it('is the tenant’s alone where only the tenant may ask', () => {
    expect(() => sessionOf(cloister(), about({ tenant: zeroAddress, lease: LEASE })).asTenant).toThrow(
      /belongs to 0x0000/,
    )
    expect(() => sessionOf({ ...cloister(), wallet: undefined }, about()).asTenant).toThrow(
      expect.objectContaining({ code: 'no-wallet' }),
    )
  })

  it('is not had without TLS outside of development', () => {
    const network = cloister()
    network.network.development = false
    const session = sessionOf(network, about({ endpoint: 'http://127.0.0.1:1' }))
    expect(() => session.worker).toThrow(expect.objectContaining({ code: 'not-attested' }))
  })
})
