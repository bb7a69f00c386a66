import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { QuoteCollateral } from '@cloister/attest'
import type { Network } from '@cloister/chain'
import { type DevelopmentPlatform, DevelopmentRoot } from '@cloister/development/root'
import { receive } from '@cloister/transport'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collateralFor } from './collateral.ts'

describe('the vendor’s collateral', () => {
  let vendor: Server
  let platform: DevelopmentPlatform
  let issued: QuoteCollateral
  let asked = 0

  beforeAll(async () => {
    const root = await DevelopmentRoot.create()
    platform = await root.manufacture()
    issued = await root.collateral()
    // A vendor as far as one is asked: its forms are tested in attest.
    vendor = createServer((request, response) => {
      asked++
      const path = request.url ?? ''
      if (path.startsWith('/away')) return void response.writeHead(503).end()
      const chained = (name: string, pem: string) => response.setHeader(name, encodeURIComponent(pem))
      if (path.includes('/pckcrl')) {
        chained('SGX-PCK-CRL-Issuer-Chain', issued.pck_crl_issuer_chain)
        response.end(Buffer.from(issued.pck_crl, 'hex'))
      } else if (path.includes('/rootcacrl')) response.end(issued.root_ca_crl)
      else if (path.includes('/tcb')) {
        chained('TCB-Info-Issuer-Chain', issued.tcb_info_issuer_chain)
        response.end(`{"tcbInfo":${issued.tcb_info},"signature":"${issued.tcb_info_signature}"}`)
      } else {
        chained('SGX-Enclave-Identity-Issuer-Chain', issued.qe_identity_issuer_chain)
        response.end(
          `{"enclaveIdentity":${issued.qe_identity},"signature":"${issued.qe_identity_signature}"}`,
        )
      }
    })
    await new Promise<void>((done) => vendor.listen(0, '127.0.0.1', () => done()))
  })
  afterAll(() => {
    vendor.closeAllConnections()
    vendor.close()
  })

  const from = (path: string) => {
    const collateralUrl = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}/${path}`
    return { attestation: { collateralUrl } } as unknown as Network
  }
  const tdx = () => ({ kind: 'tdx' as const, quote: platform.quote(new Uint8Array(64)) })

  it('is asked for once and kept for other quotes of the same kind of platform', async () => {
    const network = from('here')
    expect(await collateralFor(network, tdx())).toMatchObject({
      pck_crl: issued.pck_crl,
      root_ca_crl: issued.root_ca_crl,
      tcb_info: issued.tcb_info,
    })
    const before = asked
    await collateralFor(network, tdx())
    expect(asked).toBe(before)
    await collateralFor(from('here'), tdx())
    expect(asked).toBeGreaterThan(before)
  })

  it('is asked for in the way that is given', async () => {
    const ways: string[] = []
    const collateral = await collateralFor(from('here'), tdx(), (url, init) => {
      ways.push(new URL(url).pathname)
      return receive(url, init)
    })
    expect(collateral).toMatchObject({ tcb_info: issued.tcb_info, root_ca_crl: issued.root_ca_crl })
    expect(ways).toHaveLength(4)
  })

  it('that can not be had is an error, and asked for again', async () => {
    const missing = () =>
      expect(collateralFor(from('away'), tdx())).rejects.toMatchObject({ code: 'no-collateral' })
    await missing()
    const before = asked
    await missing()
    expect(asked).toBeGreaterThan(before)
  })

  it('comes along with AMD’s reports and is in Amazon’s documents', async () => {
    const quote = new Uint8Array()
    const collateral = { certificates: 'PEM' }
    expect(await collateralFor(from('here'), { kind: 'sev-snp', quote, collateral })).toBe(collateral)
    expect(await collateralFor(from('here'), { kind: 'nitro', quote })).toEqual({})
    await expect(collateralFor(from('here'), { kind: 'sev-snp', quote })).rejects.toMatchObject({
      code: 'no-collateral',
    })
  })

  it('is not asked for what is no evidence', async () => {
    await expect(
      collateralFor(from('here'), { kind: 'tdx', quote: new Uint8Array(3) }),
    ).rejects.toMatchObject({ code: 'bad-evidence' })
  })
})
