import { execFileSync } from 'node:child_process'
import { createHash, createPublicKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readText } from '@cloister/transport'
import type { Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WorkerConnection } from './node.ts'

const OTHER: Hex = `0x${'11'.repeat(32)}`

describe('connections to a worker', () => {
  let server: Server
  let endpoint: string
  let keyHash: Hex
  let opened = 0

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cloister-connection-'))
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
    const kind = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-subj',
      '/CN=worker',
    ]
    execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert], { stdio: 'ignore' })
    const pair = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
    rmSync(folder, { recursive: true, force: true })
    const spki = createPublicKey(pair.key).export({ format: 'der', type: 'spki' })
    keyHash = `0x${createHash('sha256').update(spki).digest('hex')}`
    server = createServer(pair, (_, response) => response.end('here'))
    server.on('connection', () => opened++)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  beforeEach(() => void (opened = 0))
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const network = { development: true, chainId: 1, gatewayUrl: 'http://127.0.0.1:1' }
  const to = (key: Hex, beside?: WorkerConnection) =>
    new WorkerConnection(
      { endpoint, worker: `0x${'22'.repeat(20)}`, network, attestedKey: async () => key },
      beside,
    )
  const ask = async (connection: WorkerConnection) => {
    const { body } = await connection.send(connection.urlOf('/v1/worker'), {})
    return readText(body, 100)
  }

  it('are used by whoever holds them to the same key', async () => {
    const first = to(keyHash)
    expect(await ask(first)).toBe('here')
    expect(await ask(to(keyHash, first))).toBe('here')
    expect(opened).toBe(1)
  })

  it('are not used by whoever holds them to another key', async () => {
    const first = to(keyHash)
    await ask(first)
    await expect(ask(to(OTHER, first))).rejects.toMatchObject({ cause: { code: 'not-attested' } })
    // It was refused over a connection of its own, and nothing was asked over the one that is there.
    expect(opened).toBe(2)
  })
})
