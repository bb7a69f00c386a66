import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseManifest } from '@cloister/core'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Store } from '../store.ts'
import { AcmeClient } from './acme/client.ts'
import { newAccountKey } from './acme/jws.ts'
import type { Authority } from './authority.ts'
import { renewalIdOf } from './certificate.ts'
import { DomainKeeper } from './keeper.ts'

/** RFC 9773, appendix A: a certificate, and how its authority calls it. */
const EXAMPLE = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
`
const EXAMPLE_ID = 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE'
const DAY = 86_400_000
const LEASE: Hex = `0x${'ab'.repeat(32)}`
const TENANT: Hex = `0x${'11'.repeat(20)}`
const FOREVER = new AbortController().signal

describe('what an authority says of renewal', () => {
  let server: Server
  let answer: { status: number; text: string }
  const asked: string[] = []
  const windowOf = (start: string, end: string) => JSON.stringify({ suggestedWindow: { start, end } })
  const ask = () => {
    const { port } = server.address() as AddressInfo
    const url = new URL(`http://127.0.0.1:${port}/dir`)
    return new AcmeClient(url, { key: newAccountKey() }, fetch).renewalOf(EXAMPLE_ID, FOREVER)
  }
  beforeAll(async () => {
    server = createServer((request, response) => {
      const at = `http://${request.headers.host}`
      const isDirectory = request.url === '/dir'
      if (!isDirectory) asked.push(request.url ?? '')
      const [newNonce, newAccount, newOrder, renewalInfo] = ['n', 'a', 'o', 'r/'].map(
        (path) => `${at}/${path}`,
      )
      const directory = JSON.stringify({ newNonce, newAccount, newOrder, renewalInfo })
      response.writeHead(isDirectory ? 200 : answer.status).end(isDirectory ? directory : answer.text)
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  })
  afterAll(() => server.close())

  it('is asked for by the name that the standard gives a certificate', async () => {
    expect(renewalIdOf({ chain: EXAMPLE })).toBe(EXAMPLE_ID)
    answer = { status: 200, text: windowOf('2026-01-02T03:04:05Z', '2026-01-03T03:04:05Z') }
    const from = Date.UTC(2026, 0, 2, 3, 4, 5)
    expect(await ask()).toEqual({ from, to: from + DAY })
    expect(asked).toEqual([`/r/${EXAMPLE_ID}`])
  })

  it('is nothing where it ends before it begins, or isn’t there', async () => {
    answer = { status: 200, text: windowOf('2026-01-03T00:00:00Z', '2026-01-02T00:00:00Z') }
    expect(await ask()).toBeUndefined()
    answer = { status: 404, text: '' }
    expect(await ask()).toBeUndefined()
    answer = { status: 200, text: '{"suggestedWindow":{"start":"soon","end":"later"}}' }
    await expect(ask()).rejects.toThrow('not ACME')
  })
})

describe('a certificate', () => {
  let folder: string
  let store: Store
  let clock = 0
  let window: { from: number; to: number } | undefined
  let certified = 0
  let keeper: DomainKeeper
  // With the identifier of its authority's key in it, by which it is asked for.
  const authority: Authority = {
    account: undefined,
    identity: undefined,
    certify: async ({ key, domain }) => {
      certified++
      const file = join(folder, 'key.pem')
      writeFileSync(file, key)
      const names = ['-subj', '/CN=x', '-addext', `subjectAltName=DNS:${domain}`]
      return execFileSync('openssl', ['req', '-x509', '-key', file, '-days', '90', ...names]).toString()
    },
    renewalOf: async () => {
      if (!window) throw new Error('nobody answers')
      return window
    },
  }
  const look = async () => {
    store.domains.patch(LEASE, 'app.example.org', (stored) => {
      delete stored.nextTry
    })
    await keeper.look(FOREVER, true)
    return store.domains.find(LEASE, 'app.example.org')
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cloister-renewal-'))
    store = new Store(join(folder, 'worker.db'))
    keeper = new DomainKeeper({
      store,
      texts: async () => [`v=cloister1; lease=${LEASE}`],
      authority,
      event: () => {},
      log: () => {},
      now: () => Date.now() + clock,
    })
    const { manifest } = parseManifest(
      'services: { web: { image: a, ports: ["80"], x-domains: [app.example.org] } }',
      { file: 'compose.yaml' },
    )
    store.saveLease({
      ...{ id: LEASE, tenant: TENANT, state: 'open', restarts: {}, openedAt: 0 },
      resources: { cpuMilli: 1, memoryMiB: 1, diskMiB: 1, gpus: 0 },
      running: { hash: LEASE, manifest, images: {} },
    })
    // The record is found first, and the certificate is got at the next look.
    await keeper.look(FOREVER, true)
    await look()
  })
  afterAll(() => {
    store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is renewed after two thirds of its life where the authority says nothing', async () => {
    expect(certified).toBe(1)
    const at = (await look())?.renewal?.at ?? 0
    expect(Math.abs(at - Date.now() - 60 * DAY)).toBeLessThan(DAY / 24)
    expect(certified).toBe(1)
  })

  it('is renewed in the window that the authority names, at a moment of its own', async () => {
    window = { from: Date.now() + 10 * DAY, to: Date.now() + 11 * DAY }
    clock = DAY
    const at = (await look())?.renewal?.at ?? 0
    expect(at).toBeGreaterThanOrEqual(window.from)
    expect(at).toBeLessThanOrEqual(window.to)
    expect(certified).toBe(1)
    clock = 11 * DAY + 1_000
    await look()
    expect(certified).toBe(2)
  })

  it('is renewed at once where the window is over, as when an authority takes one back', async () => {
    window = { from: Date.now() - 2 * DAY, to: Date.now() - DAY }
    clock += DAY
    await look()
    expect(certified).toBe(3)
  })
})
