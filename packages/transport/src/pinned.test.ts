import { execFileSync } from 'node:child_process'
import { createHash, createPublicKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectPinned } from './pinned.ts'

const folder = mkdtempSync(join(tmpdir(), 'cloister-pinned-'))
const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
const servers: Server[] = []
/** What others than the worker got to read. */
const read: string[] = []
let worker: { key: string; cert: string }
let keyHash: string

function certificate(...how: string[]): { key: string; cert: string } {
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
  execFileSync(
    'openssl',
    ['req', '-x509', ...how, '-nodes', '-days', '1', '-subj', '/CN=worker', '-keyout', key, '-out', cert],
    { stdio: 'ignore' },
  )
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

async function serve(options: TlsOptions | undefined, heard: string[] = read): Promise<number> {
  const server = options ? createTlsServer(options) : createServer()
  server.on(options ? 'secureConnection' : 'connection', (socket) => {
    socket.on('error', () => {})
    socket.on('data', (data: Buffer) => {
      // A plain server sees the beginning of a handshake, which says nothing.
      if (options || data[0] !== 22) heard.push(String(data))
      if (!options) socket.end('HTTP/1.1 200 OK\r\n\r\n')
    })
  })
  server.on('tlsClientError', () => {})
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return (server.address() as AddressInfo).port
}

const dial = async (port: number) => {
  const socket = await connectPinned({ host: '127.0.0.1', port }, keyHash)
  socket.write('GET /secret HTTP/1.1\r\n\r\n')
  socket.destroy()
}

beforeAll(() => {
  worker = certificate(...EC)
  const spki = createPublicKey(worker.key).export({ format: 'der', type: 'spki' })
  keyHash = `0x${createHash('sha256').update(spki).digest('hex')}`
})
afterAll(() => {
  for (const server of servers) server.close()
  rmSync(folder, { recursive: true, force: true })
})

it('connects to the holder of the key', async () =>
  expect(await dial(await serve(worker, []))).toBeUndefined())

it.each<[string, () => TlsOptions | undefined]>([
  ['a key of the same kind', () => certificate(...EC)],
  ['an RSA key', () => certificate('-newkey', 'rsa:2048')],
  ['an Ed25519 key', () => certificate('-newkey', 'ed25519')],
  [
    'a key of its own with the worker’s certificate behind it',
    () => {
      const { key, cert } = certificate(...EC)
      return { key, cert: cert + worker.cert }
    },
  ],
  ['TLS 1.2 only', () => ({ ...worker, maxVersion: 'TLSv1.2' })],
  ['no certificate', () => ({ ciphers: 'aNULL:@SECLEVEL=0', maxVersion: 'TLSv1.2' })],
  ['no TLS', () => undefined],
])('sends nothing to one with %s', async (_, options) => {
  read.length = 0
  const port = await serve(options())
  await expect(dial(port)).rejects.toThrow()
  expect(read).toEqual([])
})
