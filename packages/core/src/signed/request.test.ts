import fc from 'fast-check'
import { hashTypedData } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { decodeAuthorization, encodeAuthorization, requestTypedData, type SignedRequest } from './request.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const hash = `0x${'ab'.repeat(32)}` as const
const digestOf = (request: SignedRequest, chainId: number) =>
  hashTypedData(requestTypedData(request, chainId))

describe('signed requests', () => {
  const request: SignedRequest = {
    tenant: account.address,
    worker: account.address,
    method: 'GET',
    path: '/v1/leases?x=1',
    bodyHash: hash,
    issuedAt: 1,
    nonce: hash,
  }

  it('bind every part', () => {
    const variants: SignedRequest[] = [
      request,
      { ...request, method: 'PUT' },
      { ...request, path: '/v1/leases?x=2' },
      { ...request, issuedAt: 2 },
      { ...request, bodyHash: `0x${'00'.repeat(32)}` },
      { ...request, nonce: `0x${'01'.repeat(32)}` },
      { ...request, worker: `0x${'22'.repeat(20)}` },
    ]
    expect(new Set([...variants.map((variant) => digestOf(variant, 1)), digestOf(request, 2)]).size).toBe(
      variants.length + 1,
    )
  })

  it('survive the header, and anything else is no authorization', () => {
    const authorization = { tenant: account.address, issuedAt: 1, nonce: hash, signature: '0x1234' as const }
    expect(decodeAuthorization(encodeAuthorization(authorization))).toEqual(authorization)
    fc.assert(fc.property(fc.string(), (text) => decodeAuthorization(`Cloister ${text}`) === undefined))
    for (const header of [undefined, 'Bearer x', `Cloister ${'A'.repeat(10_000)}`])
      expect(decodeAuthorization(header)).toBeUndefined()
  })
})
