import { CloisterError } from '@cloister/core'
import { sealedFetch, type VerifiedEndpoint, verifyEndpoint } from '@cloister/inference/client'
import { attestationData } from '@cloister/inference/protocol'
import { bytesToHex, type Hex, sha256 } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  DOOR,
  FakeDoor,
  type InferenceStage,
  type Leased,
  optionsOf,
  startInferenceStage,
} from './testing/endpoint.ts'

const STREAM = ['data: {"n":1}\n\n', 'data: {"n":2}\n\n', 'data: [DONE]\n\n']

let stage: InferenceStage
let leased: Leased
let other: Leased
let door: FakeDoor
let otherDoor: FakeDoor

beforeAll(async () => {
  stage = await startInferenceStage()
  leased = await stage.lease(optionsOf())
  other = await stage.lease(optionsOf({ model: 'other' }))
  const engine = () => ({ headers: { 'content-type': 'text/event-stream' }, pieces: STREAM })
  door = await FakeDoor.start(stage.chain, leased, engine)
  otherDoor = await FakeDoor.start(stage.chain, other, engine)
}, 120_000)
afterAll(async () => {
  door?.close()
  otherDoor?.close()
  await stage?.stop()
})
beforeEach(() => {
  door.attack = {}
  door.asked = []
  door.sealed = []
})

const wayTo = (to: FakeDoor) => ({ url: to.url, send: (url: string, init: RequestInit) => fetch(url, init) })
const verify = (changes: Parameters<typeof verifyEndpoint>[2] = {}) =>
  verifyEndpoint(stage.chain.wallet(5), leased.lease, { way: wayTo(door), ...changes })
const notAttested = (message: RegExp) => ({
  code: 'not-attested',
  message: expect.stringMatching(message),
  hint: expect.stringMatching(/Choose another endpoint/),
})

describe('an endpoint', () => {
  it('is what its evidence proves: lease, worker, options and the key that is sealed to', async () => {
    const endpoint = await verify()
    expect(endpoint).toMatchObject({
      lease: leased.lease,
      worker: leased.worker.address,
      options: leased.options,
      engine: 'inside',
      simulated: true,
      sentence: expect.stringMatching(/^Simulated: /),
    })
    expect(endpoint.until - endpoint.verifiedAt).toBe(600_000)
  })

  it('is refused with forged evidence, byte by byte', async () => {
    for (const at of [0, 700, 1_000]) {
      door.attack.attestation = (said) => {
        const evidence = said['evidence'] as { quote: string }
        const bytes = Buffer.from(evidence.quote, 'base64')
        bytes[at] = (bytes[at] ?? 0) ^ 1
        return { ...said, evidence: { ...evidence, quote: bytes.toString('base64') } }
      }
      await expect(verify()).rejects.toBeInstanceOf(CloisterError)
    }
  })

  it('is refused with a key or an authorizer that no quote is about', async () => {
    for (const field of ['sealingKey', 'authorizer']) {
      door.attack.attestation = (said) => ({
        ...said,
        [field]: `0x${'42'.repeat(field === 'authorizer' ? 20 : 32)}`,
      })
      await expect(verify()).rejects.toMatchObject(notAttested(/did not sign/))
    }
  })

  it('is refused with the genuine evidence of another lease, in its name or in this one’s', async () => {
    await expect(verify({ way: wayTo(otherDoor) })).rejects.toMatchObject(notAttested(/another lease/))
    // Whoever leases another worker has that quote our nonce, and names our lease.
    const relay = await FakeDoor.start(stage.chain, { ...other, lease: leased.lease }, () => ({ pieces: [] }))
    try {
      await expect(verify({ way: wayTo(relay) })).rejects.toMatchObject(notAttested(/not the manifest/))
      relay.attack.attestation = (said) => ({ ...said, options: leased.options })
      await expect(verify({ way: wayTo(relay) })).rejects.toMatchObject(notAttested(/by another worker/))
    } finally {
      relay.close()
    }
  })

  it('is refused with evidence that answered somebody else’s question', async () => {
    let kept: unknown
    door.attack.attestation = (said) => (kept ??= said)
    await verify()
    await expect(verify()).rejects.toMatchObject(notAttested(/another question/))
    door.attack.attestation = (said) => ({ ...(kept as object), nonce: said['nonce'] })
    await expect(verify()).rejects.toMatchObject(notAttested(/did not sign/))
  })

  it('is refused where it runs something else than it says', async () => {
    for (const changes of [
      { model: 'larger' },
      { weights: { digest: `sha256:${'bb'.repeat(32)}` } },
      { contextLength: 4_096 },
    ]) {
      door.attack.attestation = (said) => ({ ...said, options: optionsOf(changes) })
      await expect(verify()).rejects.toMatchObject(notAttested(/not the manifest/))
    }
  })

  it('is refused with a door that nobody believes, and where nothing says whom to believe', async () => {
    const { chain } = stage
    const strange = await stage.lease(optionsOf({ door: `sha256:${'99'.repeat(32)}` }))
    const strangeDoor = await FakeDoor.start(chain, strange, () => ({ pieces: [] }))
    const ask = (images?: string[]) =>
      verifyEndpoint(chain.wallet(5), strange.lease, { way: wayTo(strangeDoor), images })
    try {
      await expect(ask()).rejects.toMatchObject(notAttested(/none of those that are believed/))
      expect(await ask([strange.options.door])).toMatchObject({ lease: strange.lease })
    } finally {
      strangeDoor.close()
    }
    const network = { ...chain.network, inferenceImages: undefined }
    await expect(
      verifyEndpoint({ ...chain.wallet(5), network } as never, leased.lease, { way: wayTo(door) }),
    ).rejects.toMatchObject(notAttested(/lists none/))
    expect(await verify({ images: [DOOR] })).toMatchObject({ lease: leased.lease })
  })

  it('is refused where its engine is elsewhere, or another than is believed, unless that was said', async () => {
    const outside = await stage.lease(optionsOf({ engine: { url: 'http://engine.example:8000' } }))
    const outsideDoor = await FakeDoor.start(stage.chain, outside, () => ({ pieces: [] }))
    const ask = (allowEngineElsewhere?: boolean) =>
      verifyEndpoint(stage.chain.wallet(5), outside.lease, { way: wayTo(outsideDoor), allowEngineElsewhere })
    try {
      await expect(ask()).rejects.toMatchObject(notAttested(/would leave the attested machine/))
      expect(await ask(true)).toMatchObject({ engine: 'elsewhere' })
    } finally {
      outsideDoor.close()
    }
    await expect(verify({ engineImages: [DOOR] })).rejects.toMatchObject(
      notAttested(/Its engine is the image/),
    )
    // Where the client names none, those of the network's description count, if there are any.
    const { engine } = leased.options
    const own = 'digest' in engine ? engine.digest : ''
    const listing = (...inferenceEngines: string[]) => {
      const network = { ...stage.chain.network, inferenceEngines }
      const wallet = { ...stage.chain.wallet(5), network } as never
      return verifyEndpoint(wallet, leased.lease, { way: wayTo(door) })
    }
    await expect(listing(DOOR)).rejects.toMatchObject(notAttested(/Its engine is the image/))
    expect(await listing(DOOR, own)).toMatchObject({ engine: 'inside' })
  })

  it('is refused by a policy that software does not meet', async () => {
    await expect(verify({ policy: { roots: ['intel'] } })).rejects.toMatchObject(
      notAttested(/which is simulated/),
    )
  })

  it('is refused where its worker signed the evidence for something else', async () => {
    const facts = { lease: leased.lease, sealingKey: sha256('0x'), authorizer: leased.worker.address }
    const evidence = await door.quote(attestationData({ ...facts, nonce: sha256('0x01') }))
    door.attack.attestation = (said) => ({ ...said, evidence })
    await expect(verify()).rejects.toMatchObject(notAttested(/did not sign/))
  })

  it('is none where there is no such lease', async () => {
    const lease: Hex = `0x${'12'.repeat(32)}`
    await expect(verifyEndpoint(stage.chain.wallet(5), lease, { way: wayTo(door) })).rejects.toMatchObject({
      code: 'not-running',
    })
  })
})

describe('a sealed request', () => {
  let endpoint: VerifiedEndpoint
  beforeAll(async () => {
    endpoint = await verify()
  })
  const ask = (body = '{"model":"tiny"}', init: RequestInit = {}) =>
    sealedFetch(endpoint, 'https://api.example/v1/chat/completions', {
      method: 'POST',
      headers: { authorization: 'Bearer sk-secret', 'content-type': 'application/json', cookie: 'a=b' },
      body,
      ...init,
    })

  it('shows whoever is between nothing of prompt, key or answer, and streams', async () => {
    const wire: Uint8Array[] = []
    door.attack.answer = async function* (pieces) {
      for await (const piece of pieces) {
        wire.push(piece)
        yield piece
      }
    }
    const response = await ask('{"messages":"a secret prompt"}')
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(await response.text()).toBe(STREAM.join(''))
    expect(door.asked).toMatchObject([
      {
        head: {
          method: 'POST',
          path: '/v1/chat/completions',
          headers: { authorization: 'Bearer sk-secret', 'content-type': 'application/json' },
        },
        body: '{"messages":"a secret prompt"}',
      },
    ])
    expect(door.asked[0]?.head.headers).not.toHaveProperty('cookie')
    const seen = Buffer.concat([...door.sealed, ...wire]).toString('latin1')
    for (const secret of ['secret', 'messages', 'data:', 'application/json'])
      expect(seen).not.toContain(secret)
  })

  it('gives pieces as they come', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    const slow = await FakeDoor.start(stage.chain, leased, () => ({
      pieces: (async function* () {
        yield 'one'
        yield 'two'
        await held
        yield 'three'
      })(),
    }))
    try {
      const to = await verify({ way: wayTo(slow) })
      const { body } = await sealedFetch(to, '/v1/chat/completions', { method: 'POST', body: '{}' })
      const reader = (body as ReadableStream<Uint8Array>).getReader()
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('one')
      release()
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('two')
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('three')
      expect((await reader.read()).done).toBe(true)
    } finally {
      slow.close()
    }
  })

  it('has an error where its answer is cut off, changed, put in another order or another answer’s', async () => {
    const attacks: NonNullable<FakeDoor['attack']['answer']>[] = []
    const kept: Uint8Array[] = []
    const change = (edit: (pieces: Uint8Array[]) => Uint8Array[]) => {
      attacks.push(async function* (pieces) {
        const all: Uint8Array[] = []
        for await (const piece of pieces) all.push(piece)
        yield* edit(all)
      })
    }
    // salt, head, three pieces, the end
    change((all) => all.slice(0, -1))
    change((all) => all.slice(0, -2))
    change((all) => [...all.slice(0, -2), ...all.slice(-1)])
    change(([salt, head, one, two, ...rest]) => [salt, head, two, one, ...rest] as Uint8Array[])
    change((all) => [...all, ...all.slice(-1)])
    change((all) =>
      all.map((piece, at) => (at === 3 ? piece.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) : piece)),
    )
    door.attack.answer = async function* (pieces) {
      for await (const piece of pieces) {
        kept.push(piece)
        yield piece
      }
    }
    expect(await (await ask()).text()).toBe(STREAM.join(''))
    // An answer to an earlier question, as it was; and to this one, with the end of that.
    change(() => kept)
    change((all) => [...all.slice(0, -1), ...kept.slice(-1)])
    for (const answer of attacks) {
      door.attack.answer = answer
      await expect(ask().then((response) => response.text())).rejects.toMatchObject({
        code: 'not-sealed-for-us',
      })
    }
  })

  it('takes no answer in the open, and no word of a payment, a redirect or a status from whoever is between', async () => {
    const answered = (status: number, body: string, headers: Record<string, string> = {}) => {
      door.attack.instead = (_, response) => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
        return true
      }
      return ask()
    }
    await expect(answered(200, '{"choices":[]}')).rejects.toMatchObject({ code: 'bad-answer' })
    await expect(answered(402, '{}', { 'payment-required': 'all' })).rejects.toMatchObject({
      code: 'bad-answer',
    })
    await expect(answered(302, '', { location: 'https://evil.example' })).rejects.toMatchObject({
      code: 'unreachable',
    })
    await expect(answered(429, '{"error":{"message":"slow"}}', { 'retry-after': '7' })).rejects.toMatchObject(
      {
        code: 'too-many',
        status: 429,
        retryAfter: '7',
      },
    )
    await expect(answered(503, '<html>')).rejects.toMatchObject({ code: 'unreachable', status: 503 })
  })

  it('can not be opened once the endpoint has another key, and says so', async () => {
    await door.changeKey()
    await expect(ask()).rejects.toMatchObject({ code: 'key-changed' })
    expect(door.asked).toEqual([])
    endpoint = await verify()
    expect((await ask()).status).toBe(200)
  })

  it('is not sent once the endpoint was verified too long ago, to another path, or when it is too large', async () => {
    const old = { ...endpoint, until: Date.now() - 1 }
    const body = '{}'
    await expect(sealedFetch(old, '/v1/chat/completions', { method: 'POST', body })).rejects.toMatchObject({
      code: 'not-attested',
    })
    await expect(
      sealedFetch(endpoint, 'https://api.example/other', { method: 'POST', body }),
    ).rejects.toMatchObject({
      code: 'bad-request',
    })
    await expect(ask(bytesToHex(new Uint8Array(2_200_000)))).rejects.toMatchObject({ code: 'too-large' })
    expect(door.asked).toEqual([])
  })

  it('ends at the endpoint when whoever asked leaves', async () => {
    let left = () => {}
    const gone = new Promise<void>((resolve) => (left = resolve))
    const endless = await FakeDoor.start(stage.chain, leased, () => ({
      pieces: (async function* () {
        try {
          for (;;) {
            yield 'more '
            await new Promise((resolve) => setImmediate(resolve))
          }
        } finally {
          left()
        }
      })(),
    }))
    try {
      const to = await verify({ way: wayTo(endless) })
      const { body } = await sealedFetch(to, '/v1/chat/completions', { method: 'POST', body: '{}' })
      const reader = (body as ReadableStream<Uint8Array>).getReader()
      await reader.read()
      await reader.cancel()
      await gone
    } finally {
      endless.close()
    }
  })
})
