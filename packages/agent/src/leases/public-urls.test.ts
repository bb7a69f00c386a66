import { parseManifest } from '@cloister/core'
import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import { publicUrls } from './public-urls.ts'

const LEASE: Hex = `0x${'1e'.repeat(32)}`
const AT = '1e1e1e1e1e1e1e1e'
const { manifest } = parseManifest(
  'services:\n  my.api: { image: a, ports: ["80", "81"] }\n  web: { image: b, ports: ["8080"] }\n  db: { image: c }\nx-front: web\n',
  { file: 'compose.yaml' },
)

it('tell a service its own address, and those of the others', () => {
  const api = `https://${AT}-my-api.cloister.example`
  expect(publicUrls(LEASE, manifest, 'my.api', 'https://cloister.example')).toEqual({
    CLOISTER_URL: api,
    CLOISTER_URL_MY_API: api,
    CLOISTER_URL_WEB: `https://${AT}-web.cloister.example`,
  })
})

it('tell a service without an HTTP port where the lease is', () => {
  const { CLOISTER_URL } = publicUrls(LEASE, manifest, 'db', 'http://localhost:9081')
  expect(CLOISTER_URL).toBe(`http://${AT}-web.localhost:9081`)
})

it.each(['http://127.0.0.1:9081', 'http://[::1]:9081'])(
  'name a lease below localhost where the gateway is at an address, as %s',
  (gateway) => {
    const { CLOISTER_URL } = publicUrls(LEASE, manifest, 'web', gateway)
    expect(CLOISTER_URL).toBe(`http://${AT}-web.localhost:9081`)
  },
)

it('are none where nothing is open to the outside', () => {
  const closed = parseManifest('services:\n  db: { image: c }\n', { file: 'compose.yaml' }).manifest
  expect(publicUrls(LEASE, closed, 'db', 'https://cloister.example')).toEqual({})
})
