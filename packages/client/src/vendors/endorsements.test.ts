import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Network } from '@cloister/chain'
import {
  type DevelopmentPlatform,
  DevelopmentRoot,
  type Documents,
  signDocuments,
} from '@cloister/development/root'
import { receive } from '@cloister/transport'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endorsementsFor } from './endorsements.ts'

describe('a vendor’s endorsements', () => {
  let vendor: Server
  let platform: DevelopmentPlatform
  let documents: Documents
  let asked = 0

  beforeAll(async () => {
    const root = await DevelopmentRoot.create()
    platform = await root.manufacture()
    documents = await signDocuments(root)
    vendor = createServer((request, response) => {
      asked++
      const path = request.url ?? ''
      if (path.startsWith('/away')) return void response.writeHead(503).end()
      const found = documents[path.replace(/^\/here|\?.*$/g, '')]
      response.writeHead(found ? 200 : 404, found?.headers).end(Buffer.from(found?.body ?? '', 'base64'))
    })
    await new Promise<void>((done) => vendor.listen(0, '127.0.0.1', () => done()))
  })
  afterAll(() => {
    vendor.closeAllConnections()
    vendor.close()
  })

  const from = (path: string) => {
    const endorsementsUrl = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}/${path}`
    return { attestation: { endorsementsUrl } } as unknown as Network
  }
  /** Of what the vendor serves, what a verdict rests on most. */
  const issued = () => {
    const bytesOf = (path: string) => Buffer.from(documents[path]?.body ?? '', 'base64')
    const tcb = /^{"tcbInfo":(.*),"signature":"[0-9a-f]+"}$/.exec(
      bytesOf('/tdx/certification/v4/tcb').toString(),
    )
    return {
      pck_crl: bytesOf('/sgx/certification/v4/pckcrl').toString('hex'),
      root_ca_crl: bytesOf('/sgx/certification/v4/rootcacrl').toString(),
      tcb_info: tcb?.[1],
    }
  }
  const tdx = () => ({ kind: 'tdx' as const, quote: platform.quote(new Uint8Array(64)) })

  it('are asked for once and kept for other quotes of the same kind of platform', async () => {
    const network = from('here')
    expect(await endorsementsFor(network, tdx())).toMatchObject(issued())
    const before = asked
    await endorsementsFor(network, tdx())
    expect(asked).toBe(before)
    await endorsementsFor(from('here'), tdx())
    expect(asked).toBeGreaterThan(before)
  })

  it('are asked for in the way that is given', async () => {
    const ways: string[] = []
    const endorsements = await endorsementsFor(from('here'), tdx(), (url, init) => {
      ways.push(new URL(url).pathname)
      return receive(url, init)
    })
    expect(endorsements).toMatchObject(issued())
    expect(ways).toHaveLength(4)
  })

  it('that can not be had are an error, and asked for again', async () => {
    const missing = () =>
      expect(endorsementsFor(from('away'), tdx())).rejects.toMatchObject({ code: 'no-endorsements' })
    await missing()
    const before = asked
    await missing()
    expect(asked).toBeGreaterThan(before)
  })

  it('come along with AMD’s reports and are in Amazon’s documents', async () => {
    const quote = new Uint8Array()
    const endorsements = { certificates: 'PEM' }
    expect(await endorsementsFor(from('here'), { kind: 'sev-snp', quote, endorsements })).toBe(endorsements)
    expect(await endorsementsFor(from('here'), { kind: 'nitro', quote })).toEqual({})
    await expect(endorsementsFor(from('here'), { kind: 'sev-snp', quote })).rejects.toMatchObject({
      code: 'no-endorsements',
    })
  })

  it('are not asked for what is no evidence', async () => {
    await expect(
      endorsementsFor(from('here'), { kind: 'tdx', quote: new Uint8Array(3) }),
    ).rejects.toMatchObject({ code: 'bad-evidence' })
  })
})
