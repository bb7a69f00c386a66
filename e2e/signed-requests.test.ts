import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { bodyHash, requestTypedData, toCanonicalJson } from '@cloister/core'
import type { Address, Hex, LocalAccount } from 'viem'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { canDeploy } from './embedded.ts'
import { manifestOf, useWorker, web } from './own-worker.ts'

/** What a signature is over, and by whom; what isn't given is as the tenant's client has it. */
interface Signing {
  by?: LocalAccount
  as?: Address
  worker?: Address
  method?: string
  path?: string
  body?: string
  issuedAt?: number
  nonce?: Hex
  chainId?: number
}

interface Question {
  path?: string
  method?: string
  body?: string
  authorization?: string | undefined
  headers?: Record<string, string>
}

const SECP256K1_N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

describe.skipIf(!canDeploy)(
  'a worker answers a signed request once, now, to the lease’s tenant alone',
  () => {
    const own = useWorker()
    let lease: Hex
    let path: string
    let tenant: LocalAccount
    let stranger: LocalAccount

    beforeAll(async () => {
      tenant = own.tenant.account as LocalAccount
      stranger = own.chain.wallet(5).account as LocalAccount
      lease = await own.deploy(manifestOf(web()))
      path = `/v1/leases/${lease}`
      await own.untilState(lease, 'running')
    })

    const now = () => Math.floor(Date.now() / 1000)
    const encode = (value: unknown) => `Cloister ${Buffer.from(JSON.stringify(value)).toString('base64url')}`
    const sign = async (signing: Signing = {}) => {
      const { by = tenant, worker = own.client.worker, method = 'GET', body = '', issuedAt = now() } = signing
      const signed = {
        tenant: signing.as ?? by.address,
        issuedAt,
        nonce: signing.nonce ?? (`0x${randomBytes(32).toString('hex')}` as Hex),
      }
      const asked = { ...signed, worker, method, path: signing.path ?? path, bodyHash: bodyHash(body) }
      return {
        ...signed,
        signature: await by.signTypedData(
          requestTypedData(asked, signing.chainId ?? own.tenant.network.chainId),
        ),
      }
    }
    const ask = (question: Question) =>
      new Promise<number>((resolve, reject) => {
        const { authorization, body = '', headers = {} } = question
        const asked = request(`${own.client.endpoint}`, {
          path: question.path ?? path,
          method: question.method ?? 'GET',
          agent: false,
          headers: {
            ...(authorization !== undefined && { authorization }),
            ...(body !== '' && {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(body),
            }),
            ...headers,
          },
        })
        asked.once('response', (response) => resolve(response.resume().statusCode ?? 0))
        asked.once('upgrade', (_, socket) => {
          socket.destroy()
          resolve(101)
        })
        asked.once('error', reject)
        asked.end(body)
      })
    const refused = async (name: string, question: Question) =>
      expect(await ask(question), name).toBeGreaterThanOrEqual(400)

    it('which is answered', async () => expect(await ask({ authorization: encode(await sign()) })).toBe(200))

    it('not again, however it is spelled and however many come at once', async () => {
      const good = await sign()
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => ask({ authorization: encode(good) })),
      )
      expect(answers.filter((status) => status === 200)).toHaveLength(1)
      const upper = (hex: string) => hex.toUpperCase().replace('0X', '0x')
      const s = SECP256K1_N - BigInt(`0x${good.signature.slice(66, 130)}`)
      const mirrored =
        good.signature.slice(0, 66) +
        s.toString(16).padStart(64, '0') +
        (good.signature.endsWith('1b') ? '1c' : '1b')
      for (const change of [
        {},
        { nonce: upper(good.nonce) },
        { nonce: good.nonce.replace('0x', '0X') },
        { tenant: good.tenant.toLowerCase() },
        { signature: upper(good.signature) },
        { signature: mirrored },
        { nonce: upper(good.nonce), signature: mirrored },
      ])
        await refused(JSON.stringify(change), { authorization: encode({ ...good, ...change }) })
    })

    it('not of another time', async () => {
      for (const skew of [-62, -120, -3600, 62, 120, 3600, 2 ** 40])
        await refused(`clock ${skew}`, {
          authorization: encode(await sign({ issuedAt: Math.max(0, now() + skew) })),
        })
    })

    it('not for another worker, chain, or by another account', async () => {
      for (const signing of [
        { worker: own.chain.wallet(6).account.address },
        { chainId: 1 },
        { chainId: 31_338 },
        { by: stranger },
        { by: stranger, as: tenant.address },
        { as: stranger.address },
      ])
        await refused(Object.keys(signing).join(), { authorization: encode(await sign(signing)) })
    })

    it('not another method, path, query or body than was signed', async () => {
      for (const method of ['POST', 'PUT', 'DELETE', 'HEAD', 'PATCH'])
        await refused(method, { method, authorization: encode(await sign()) })
      for (const asked of [
        `${path}?x=1`,
        `${path}?`,
        `${path}/`,
        `${path}//`,
        `${path}%20`,
        `/v1/leases/../leases/${lease}`,
        `${path}/logs`,
        `${path}/metrics`,
      ])
        await refused(asked, { path: asked, authorization: encode(await sign()) })
      await refused('query', {
        path: `${path}/logs?tail=10`,
        authorization: encode(await sign({ path: `${path}/logs?tail=1` })),
      })
      await refused('order', {
        path: `${path}/logs?follow=false&tail=1`,
        authorization: encode(await sign({ path: `${path}/logs?tail=1&follow=false` })),
      })
      const put = `${path}/manifest`
      const body = toCanonicalJson(manifestOf(web()))
      for (const signed of ['', '{}', `${body} `])
        await refused('body', {
          path: put,
          method: 'PUT',
          body,
          authorization: encode(await sign({ path: put, method: 'PUT', body: signed })),
        })
      for (const [header, value] of [
        ['x-http-method-override', 'GET'],
        ['x-original-url', `${path}/metrics`],
        ['x-rewrite-url', `${path}/metrics`],
      ] as const)
        await refused(header, {
          authorization: encode(await sign({ path: `${path}/metrics` })),
          headers: { [header]: value },
        })
    })

    it('not one whose signature differs in a bit, is of another form, or is missing', async () => {
      const good = await sign()
      for (let bit = 0; bit < 65 * 8; bit += 3) {
        const bytes = Buffer.from(good.signature.slice(2), 'hex')
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit % 8))
        await refused(`bit ${bit}`, {
          authorization: encode({ ...good, signature: `0x${bytes.toString('hex')}` }),
        })
      }
      // ERC-6492: a signature that brings a contract along, for an account that has none.
      const wrapped = `0x${'00'.repeat(12)}${'11'.repeat(20)}${'00'.repeat(64)}${'6492'.repeat(16)}`
      for (const authorization of [
        undefined,
        '',
        'Cloister',
        'Cloister ',
        'Cloister e30',
        'Bearer x',
        `Cloister ${'A'.repeat(5_000)}`,
        encode({ ...good, extra: 1 }),
        encode([good]),
        encode(null),
        encode({ ...good, issuedAt: String(good.issuedAt) }),
        encode({ ...good, issuedAt: 1e99 }),
        encode({ ...good, signature: '0x' }),
        encode({ ...good, signature: `0x${'00'.repeat(65)}` }),
        encode({ ...good, signature: `0x${'ff'.repeat(65)}` }),
        encode({ ...(await sign({ by: stranger, as: tenant.address })), signature: wrapped }),
        `Cloister ${Buffer.from(`{"__proto__":${JSON.stringify(good)}}`).toString('base64url')}`,
      ])
        await refused(String(authorization).slice(0, 40), { authorization })
      // All of that used up nothing: the genuine one is still answered.
      expect(await ask({ authorization: encode(good) })).toBe(200)
    })

    it('and opens a shell on the same terms', async () => {
      const exec = `${path}/exec?arg=true`
      const headers = {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-version': '13',
      }
      const once = await sign({ path: exec })
      expect(await ask({ path: exec, headers, authorization: encode(once) })).toBe(101)
      for (const authorization of [
        undefined,
        encode(once),
        encode(await sign()),
        encode(await sign({ path: `${path}/exec?arg=false` })),
        encode(await sign({ path: exec, by: stranger })),
        encode(await sign({ path: exec, worker: stranger.address })),
      ])
        await refused('exec', { path: exec, headers, authorization })
    })

    it('but begins nothing for a handshake that comes to nothing, whoever signed it', async () => {
      const exec = `${path}/exec?arg=true`
      const whole = {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-version': '13',
      }
      const { 'sec-websocket-key': _, ...keyless } = whole
      const begun = vi.spyOn(own.running.worker.executor, 'exec')
      for (const headers of [
        keyless,
        { ...whole, 'sec-websocket-version': '12' },
        { ...whole, 'sec-websocket-key': 'short' },
      ])
        expect(
          await ask({ path: exec, headers, authorization: encode(await sign({ path: exec })) }),
          JSON.stringify(headers),
        ).toBe(400)
      expect(begun).not.toHaveBeenCalled()
      expect(
        await ask({ path: exec, headers: whole, authorization: encode(await sign({ path: exec })) }),
      ).toBe(101)
      expect(begun).toHaveBeenCalledTimes(1)
      begun.mockRestore()
    })
  },
)
