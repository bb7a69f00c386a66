import { createHash, createPublicKey, verify } from 'node:crypto'
import { toCanonicalJson } from '@cloister/core'
import { type Hex, recoverMessageAddress } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestDoor, type TestDoor } from '../testing/index.ts'

let door: TestDoor
beforeAll(async () => {
  door = await startTestDoor()
})
afterAll(() => door.close())

/** What tests look at of these pages. */
interface Shown extends Record<string, unknown> {
  text: string
  signature: Hex
  signing_address: string
  workload_keyset_digest: string
  key_id: string
  event_log: { type: string; body_hash: string }[]
  attestation: {
    workload_keyset: { receipt_signing_keys: { key_id: string; public_key: string }[]; not_after: number }
    report_data: string
  }
}
const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex')
const get = async (path: string) => (await (await fetch(door.url + path)).json()) as Shown
function isEd25519(publicKey: string, signature: string, text: string): boolean {
  const x = Buffer.from(publicKey, 'hex').toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return verify(null, Buffer.from(text), key, Buffer.from(signature, 'hex'))
}
async function ask(stream: boolean) {
  const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }], stream })
  const response = await fetch(`${door.url}/v1/chat/completions`, { method: 'POST', body })
  const text = await response.text()
  return { body, text, id: response.headers.get('x-receipt-id') }
}

it('a signature by an answer’s id is over the hashes of both bodies, by the key that the quote is bound to', async () => {
  const { body, text } = await ask(false)
  const { id } = JSON.parse(text)
  const said = await get(`/v1/signature/${id}`)
  expect(said).toMatchObject({
    text: `${sha256(body)}:${sha256(text)}`,
    signing_address: door.door.endpoint().authorizer,
    signing_algo: 'ecdsa',
  })
  const signer = await recoverMessageAddress({
    message: said.text,
    signature: said.signature,
  })
  expect(signer).toBe(said.signing_address)
  const other = await get(`/v1/signature/${id}?signing_algo=ed25519`)
  expect(isEd25519(other.signing_address, other.signature, other.text)).toBe(true)
  expect((await fetch(`${door.url}/v1/signature/chatcmpl-none`)).status).toBe(404)
})

it('a report of the older kind names that key, and what the worker was asked to quote', async () => {
  const nonce = 'ab'.repeat(32)
  const report = await get(`/v1/attestation/report?nonce=${nonce}`)
  const address = door.door.endpoint().authorizer.slice(2).toLowerCase()
  const bound = sha256(Buffer.from(address.padEnd(64, '0') + nonce, 'hex'))
  expect(report).toMatchObject({ request_nonce: nonce, signing_algo: 'ecdsa', info: { bound: `0x${bound}` } })
  expect(door.agent.quoted).toContain(`0x${bound}`)
  expect((await fetch(`${door.url}/v1/attestation/report?nonce=xyz`)).status).toBe(400)
})

it('a receipt of aci/1 verifies under the keyset that its report binds', async () => {
  const nonce = 'cd'.repeat(32)
  const report = await get(`/v1/aci/attestation?nonce=${nonce}`)
  const { workload_keyset: keyset, report_data: data } = report.attestation
  // Section 9.1, steps 2 and 3.
  const digest = `sha256:${sha256(toCanonicalJson(keyset))}`
  expect(report.workload_keyset_digest).toBe(digest)
  expect(data).toBe(sha256(`{"keyset_digest":"${digest}","nonce":"${nonce}","purpose":"aci.report_data.v1"}`))
  expect(door.agent.quoted).toContain(`0x${data}`)
  expect(keyset.not_after * 1_000).toBeGreaterThan(Date.now())

  // Section 9.3.
  const { body, text, id } = await ask(true)
  const { signature, ...document } = await get(`/v1/aci/receipts/${id}`)
  const [key] = keyset.receipt_signing_keys.filter(({ key_id }) => key_id === document.key_id)
  expect(isEd25519(key?.public_key ?? '', signature, toCanonicalJson(document))).toBe(true)
  const log = document.event_log
  expect(document).toMatchObject({ api_version: 'aci/1', workload_keyset_digest: digest, receipt_id: id })
  expect(log[0]).toEqual({ type: 'request.received', body_hash: `sha256:${sha256(body)}` })
  // The engine was asked for its usage besides.
  expect(log[1]?.body_hash).not.toBe(log[0]?.body_hash)
  expect(log[2]).toEqual({ type: 'response.returned', body_hash: `sha256:${sha256(text)}` })
})
