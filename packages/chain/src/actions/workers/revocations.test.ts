import { X509Certificate } from 'node:crypto'
import { platformCertificates, type QuoteEndorsements } from '@cloister/attest'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import type { DevelopmentPlatform } from '@cloister/development/root'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PLATFORMS_ABI } from '../../generated/abis.ts'
import { pckKeyOf } from './attestation.ts'
import { ensureRevocations } from './revocations.ts'

describe('revocation lists', () => {
  let chain: DevelopmentChain
  let platform: DevelopmentPlatform
  let issued: QuoteEndorsements
  /** Has the vendor issue lists that name so many, as of an instant (Unix seconds). */
  const issue = async (revoked: string[], instant?: number) => {
    issued = await chain.root.endorsements(instant, revoked)
  }

  beforeAll(async () => {
    chain = await startDevelopmentChain()
    platform = await chain.root.manufacture()
    await issue([])
  }, 60_000)
  afterAll(async () => {
    await chain.stop()
  })

  const ensure = () => ensureRevocations(chain.wallet(5), quote(), issued)
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
    expect(await ensure()).toEqual({ lists: 0, revoked: 0, paidBack: 0n })
  }, 60_000)

  const serial = () => new X509Certificate(platform.chain[0]).serialNumber

  it('that name somebody new are posted at once, and paid back', async () => {
    await issue([serial()], Math.floor(Date.now() / 1000) + 10)
    const balance = await chain
      .wallet(0)
      .client.getBalance({ address: chain.network.contracts.revocationFund })
    const posted = await ensure()
    expect(posted).toMatchObject({ lists: 1, revoked: 1 })
    expect(posted.paidBack).toBeGreaterThan(0n)
    expect(await chain.wallet(0).client.getBalance({ address: chain.network.contracts.revocationFund })).toBe(
      balance - posted.paidBack,
    )
    expect(await isRevoked()).toBe(true)
    expect(await ensure()).toMatchObject({ lists: 0, revoked: 0 })
  }, 60_000)

  it('of more than a transaction may hold are posted in pieces', async () => {
    const serials = Array.from(
      { length: 2_500 },
      (_, index) => `40${(index + 1).toString(16).padStart(38, '0')}`,
    )
    await issue([serial(), ...serials], Math.floor(Date.now() / 1000) + 20)
    const posted = await ensure()
    expect(posted).toMatchObject({ lists: 1, revoked: serials.length })
    expect(await ensure()).toMatchObject({ lists: 0 })
  }, 120_000)

  it('that are about to run out are replaced', async () => {
    await later(354 * 86_400)
    const { timestamp } = await chain.wallet(0).client.getBlock()
    await issue([serial()], Number(timestamp))
    // The authority's names fewer than the chain knows, which changes nothing about those.
    expect(await ensure()).toMatchObject({ lists: 1, revoked: 0, paidBack: 0n })
    await later(2 * 86_400)
    expect(await isRevoked()).toBe(true)
    await issue([serial()], Number(timestamp) + 2 * 86_400)
    const renewed = await ensure()
    // The root's is due. The authority's dates its entry anew, so they are looked through, and bring
    // nothing.
    expect(renewed).toMatchObject({ lists: 2, revoked: 0 })
    expect(renewed.paidBack).toBeGreaterThan(0n)
  }, 60_000)
})
