import { X509Certificate } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { platformCertificates, type QuoteCollateral } from '@cloister/attest'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import type { DevelopmentPlatform } from '@cloister/development/root'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectWallet, type Wallet } from '../client.ts'
import { PLATFORMS_ABI } from '../generated/abis.ts'
import { pckKeyOf } from './attestation.ts'
import { ensureRevocations } from './revocations.ts'

describe('revocation lists', () => {
  let chain: DevelopmentChain
  let vendor: Server
  let platform: DevelopmentPlatform
  let issued: QuoteCollateral
  /** Has the vendor issue lists that name so many, as of an instant (Unix seconds). */
  const issue = async (revoked: string[], instant?: number) => {
    issued = await chain.root.collateral(instant, revoked)
  }

  beforeAll(async () => {
    chain = await startDevelopmentChain()
    platform = await chain.root.manufacture()
    await issue([])
    vendor = createServer((request, response) => {
      const collateral = issued
      const path = request.url ?? ''
      const chained = (name: string, pem: string) => response.setHeader(name, encodeURIComponent(pem))
      if (path.includes('/pckcrl')) {
        chained('SGX-PCK-CRL-Issuer-Chain', collateral.pck_crl_issuer_chain)
        response.end(Buffer.from(collateral.pck_crl, 'hex'))
      } else if (path.includes('/rootcacrl')) response.end(collateral.root_ca_crl)
      else if (path.includes('/tcb')) {
        chained('TCB-Info-Issuer-Chain', collateral.tcb_info_issuer_chain)
        response.end(`{"tcbInfo":${collateral.tcb_info},"signature":"${collateral.tcb_info_signature}"}`)
      } else {
        chained('SGX-Enclave-Identity-Issuer-Chain', collateral.qe_identity_issuer_chain)
        response.end(
          `{"enclaveIdentity":${collateral.qe_identity},"signature":"${collateral.qe_identity_signature}"}`,
        )
      }
    })
    await new Promise<void>((done) => vendor.listen(0, '127.0.0.1', () => done()))
  }, 60_000)
  afterAll(async () => {
    vendor.closeAllConnections()
    vendor.close()
    await chain.stop()
  })

  /** A worker's account, at a vendor that was not asked before: what it answers is kept for minutes. */
  let vendors = 0
  const wallet = (): Wallet => {
    const { network } = chain
    const collateralUrl = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}/${vendors++}`
    return connectWallet(
      { ...network, attestation: { ...network.attestation, collateralUrl } },
      chain.wallet(5).account,
    )
  }
  const quote = () => platform.quote(new Uint8Array(64))
  const later = async (seconds: number) => {
    const { request } = chain.wallet(0).client as { request: (call: unknown) => Promise<unknown> }
    await request({ method: 'evm_increaseTime', params: [seconds] })
    await request({ method: 'evm_mine', params: [] })
  }
  const isRevoked = async () => {
    const { client, network } = chain.wallet(0)
    const args = [pckKeyOf(platformCertificates(quote()))] as const
    return (
      await client.readContract({
        address: network.contracts.platforms,
        abi: PLATFORMS_ABI,
        functionName: 'pckKeyOf',
        args,
      })
    ).revoked
  }

  it('are left alone while they are fresh and name nobody new', async () => {
    expect(await ensureRevocations(wallet(), quote())).toEqual({ lists: 0, revoked: 0, paidBack: 0n })
  }, 60_000)

  const serial = () => new X509Certificate(platform.chain[0]).serialNumber

  it('that name somebody new are posted at once, and paid back', async () => {
    await issue([serial()], Math.floor(Date.now() / 1000) + 10)
    const balance = await chain
      .wallet(0)
      .client.getBalance({ address: chain.network.contracts.revocationFund })
    const posted = await ensureRevocations(wallet(), quote())
    expect(posted).toMatchObject({ lists: 1, revoked: 1 })
    expect(posted.paidBack).toBeGreaterThan(0n)
    expect(await chain.wallet(0).client.getBalance({ address: chain.network.contracts.revocationFund })).toBe(
      balance - posted.paidBack,
    )
    expect(await isRevoked()).toBe(true)
    expect(await ensureRevocations(wallet(), quote())).toMatchObject({ lists: 0, revoked: 0 })
  }, 60_000)

  it('of more than a transaction may hold are posted in pieces', async () => {
    const serials = Array.from(
      { length: 2_500 },
      (_, index) => `40${(index + 1).toString(16).padStart(38, '0')}`,
    )
    await issue([serial(), ...serials], Math.floor(Date.now() / 1000) + 20)
    const posted = await ensureRevocations(wallet(), quote())
    expect(posted).toMatchObject({ lists: 1, revoked: serials.length })
    expect(await ensureRevocations(wallet(), quote())).toMatchObject({ lists: 0 })
  }, 120_000)

  it('that are about to run out are replaced', async () => {
    await later(354 * 86_400)
    const { timestamp } = await chain.wallet(0).client.getBlock()
    await issue([serial()], Number(timestamp))
    // The authority's names fewer than the chain knows, which changes nothing about those.
    expect(await ensureRevocations(wallet(), quote())).toMatchObject({ lists: 1, revoked: 0, paidBack: 0n })
    await later(2 * 86_400)
    expect(await isRevoked()).toBe(true)
    await issue([serial()], Number(timestamp) + 2 * 86_400)
    const renewed = await ensureRevocations(wallet(), quote())
    // The root's is due. The authority's dates its entry anew, so they are looked through, and bring
    // nothing.
    expect(renewed).toMatchObject({ lists: 2, revoked: 0 })
    expect(renewed.paidBack).toBeGreaterThan(0n)
  }, 60_000)
})
