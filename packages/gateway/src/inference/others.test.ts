import { connect } from 'node:http2'
import { describe, expect, it } from 'vitest'
import { ASK, Asking, anew } from './asking.ts'
import { leaseIdOf, listen } from './testing.ts'

const asking = new Asking()

describe('what else is asked', () => {
  it('is told by the endpoint that knows', async () => {
    await asking.raise(2)
    asking.worker(0).engine = (_, __, response) => response.writeHead(404).end('{}')
    const get = async (path: string, headers: Record<string, string> = {}) => {
      const answer = await fetch(`${asking.stage.url}${path}`, { headers })
      return [answer.status, answer.headers.get('cloister-lease'), await answer.json()]
    }
    const known = (path: string) => [200, leaseIdOf(1), { path, name: 'worker 1' }]
    for (const path of [
      '/v1/signature/chatcmpl-1?signing_algo=ecdsa',
      '/v1/receipts/rcpt_22222222000000000000000000000000',
      '/v1/aci/receipts/rcpt_22222222000000000000000000000000',
      '/v1/attestation/report?model=tiny-1&nonce=00',
      '/v1/aci/attestation?model=tiny-1',
    ])
      expect(await get(path)).toEqual(known(path))
    expect(await get('/v1/endpoint', { 'cloister-lease': leaseIdOf(1) })).toEqual(known('/v1/endpoint'))
    expect((await get(`/v1/attestation?lease=${leaseIdOf(1)}`)).slice(0, 2)).toEqual([200, leaseIdOf(1)])
    for (const path of ['/v1/receipts/rcpt_99999999000000000000000000000000', '/v1/attestation?model=huge'])
      expect((await get(path)).slice(0, 2)).toEqual([404, null])
  })

  it('is a receipt that the index keeps where its lease has it no more', async () => {
    await asking.raise(1)
    asking.worker(0).engine = (_, __, response) => response.writeHead(404).end('{}')
    const [hash, address] = [`0x${'1'.repeat(64)}`, `0x${'1'.repeat(40)}`]
    const id = `rcpt_${'1'.repeat(32)}`
    const receipt = {
      details: {
        version: 1,
        id,
        lease: leaseIdOf(0),
        manifestHash: hash,
        model: 'tiny',
        weights: null,
        endpoint: '/v1/chat/completions',
        request: hash,
        requestSealed: null,
        response: hash,
        responseSealed: null,
        status: 200,
        outcome: 'complete',
        evidence: hash,
        receivedAt: 1,
        firstByteAt: 2,
        endedAt: 3,
      },
      charge: { offer: hash, channel: hash, input: '1', cached: '0', output: '1', amount: '1', total: '1' },
      signed: {
        worker: address,
        lease: leaseIdOf(0),
        era: '1',
        sequence: '1',
        content: hash,
        signature: `0x${'1'.repeat(130)}`,
      },
    }
    asking.stage.receipts.set(id, receipt)
    const answer = await fetch(`${asking.stage.url}/v1/receipts/${id}`)
    expect([answer.status, await answer.json()]).toEqual([200, receipt])
    expect((await fetch(`${asking.stage.url}/v1/receipts/${id.replace('11', '12')}`)).status).toBe(404)
    expect((await fetch(`${asking.stage.url}/v1/aci/receipts/${id}`)).status).toBe(404)
  })

  it('is found by a request’s id', async () => {
    await asking.raise(3)
    const answer = await asking.post(ASK, { 'x-request-id': 'mine.1' })
    await answer.text()
    expect(answer.headers.get('x-request-id')).toBe('mine.1')
    const signature = await fetch(`${asking.stage.url}/v1/signature/mine.1`)
    expect(signature.headers.get('cloister-lease')).toBe(answer.headers.get('cloister-lease'))
  })

  it('may be asked by pages of every origin, whatever headers their client sends', async () => {
    await asking.raise(1)
    const wanted = 'authorization,content-type,x-stainless-arch,x-stainless-retry-count'
    const preflight = await fetch(`${asking.stage.url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': wanted,
      },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
    expect(preflight.headers.get('access-control-allow-headers')).toBe(wanted)
    for (const answer of [
      await asking.post(ASK),
      await asking.post('{'),
      await fetch(`${asking.stage.url}/v1/models`),
    ]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
      expect(answer.headers.get('access-control-expose-headers')).toContain('x-receipt-id')
      // Whatever an endpoint says is a page, it runs nothing in the gateway's name.
      expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox")
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      await answer.text()
    }
    await asking.post(ASK, {
      cookie: 'session=1',
      origin: 'https://app.example',
      referer: 'https://app.example/1',
    })
    const seen = asking.worker(0).asked.at(-1)?.headers ?? {}
    for (const name of ['cookie', 'origin', 'referer']) expect(seen[name]).toBeUndefined()
  })

  it('is answered over HTTP/2 too', async () => {
    await asking.raise(2)
    asking.worker(0).engine = (_, __, response) => response.destroy()
    const session = connect(asking.stage.url)
    const answers = await Promise.all(
      [0, 1, 2, 3].map(
        () =>
          new Promise((done, fail) => {
            const stream = session.request({
              ':method': 'POST',
              ':path': '/v1/chat/completions',
              authorization: 'Bearer a',
            })
            let text = ''
            let head = {}
            stream.on('response', (headers) => (head = headers))
            stream.on('data', (piece) => (text += piece))
            stream.on('end', () => done({ head, text }))
            stream.on('error', fail)
            stream.end(JSON.stringify({ ...ASK, ...anew(), stream: true }))
          }),
      ),
    )
    for (const answer of answers)
      expect(answer).toMatchObject({
        head: { ':status': 200, 'cloister-lease': leaseIdOf(1), 'access-control-allow-origin': '*' },
        text: expect.stringContaining('[DONE]'),
      })
    session.close()
  })

  it('is refused by a wrong method, and left to others where it is no path of these', async () => {
    await asking.raise(1)
    expect((await fetch(`${asking.stage.url}/v1/chat/completions`)).status).toBe(405)
    expect((await fetch(`${asking.stage.url}/v1/models`, { method: 'POST' })).status).toBe(405)
    expect((await fetch(`${asking.stage.url}/v1/files`)).status).toBe(404)
    expect((await fetch(`${asking.stage.url}/`)).status).toBe(200)
  })

  it('goes on while the index is away', async () => {
    await asking.raise(1)
    expect(await asking.ask()).toBe(0)
    asking.stage.index.closeAllConnections()
    await new Promise((done) => asking.stage.index.close(done))
    expect(await asking.ask()).toBe(0)
    await asking.stage.gateway.stop()
    await listen(asking.stage.index)
  })
})
