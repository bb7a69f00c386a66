import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Notice } from '../notice.ts'
import { Mail } from './mail.ts'

const NOTICE: Notice = {
  id: 'b1946ac9-2492-4d23-8d5b-0f8a1c1d7a11',
  time: '2026-11-26T00:00:00.000Z',
  lease: `0x${'1e'.repeat(32)}`,
  name: 'my-app',
  kind: 'unhealthy',
  state: 'raised',
  message: 'web-0 is unhealthy: its check says "no".\r\nBcc: somebody@example.com',
  network: 'test',
  simulated: true,
}

let server: SMTPServer
let mails: string[]
let port: number

beforeEach(async () => {
  mails = []
  server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, _, done) => void text(stream).then((mail) => done(null, void mails.push(mail) as never)),
  })
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  port = (server.server.address() as AddressInfo).port
})
afterEach(() => new Promise<void>((done) => server.close(() => done())))

const mail = (user = '') =>
  new Mail({ server: `smtp://${user}127.0.0.1:${port}`, from: 'keeper@example.com', to: 'me@example.com' })

it('mails a notice, named simulated where it is', async () => {
  await mail().tell(NOTICE)
  expect(mails[0]).toMatch(/^Subject: Cloister \(simulated\): my-app: unhealthy\r$/m)
  expect(mails[0]).toMatch(/^Message-ID: <b1946ac9-2492-4d23-8d5b-0f8a1c1d7a11@cloister\.invalid>\r$/m)
  expect(mails[0]).toMatch(/^To: me@example\.com\r$/m)
  // What a worker says stays in the body.
  const [head] = (mails[0] ?? '').split('\r\n\r\n')
  expect(head).not.toMatch(/^bcc/im)
})

it('gives no password to a server without TLS', async () => {
  await expect(mail('me:password@').tell(NOTICE)).rejects.toMatchObject({ code: 'unreachable' })
  expect(mails).toEqual([])
})

it('is given up with what a server still says', async () => {
  const sockets: Socket[] = []
  const dripping = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    const timer = setInterval(() => socket.write('220-more\r\n'), 20)
    socket.once('close', () => clearInterval(timer))
  }).listen(0, '127.0.0.1')
  await once(dripping, 'listening')
  const aborter = new AbortController()
  const channel = new Mail({
    server: `smtp://127.0.0.1:${(dripping.address() as AddressInfo).port}`,
    from: 'keeper@example.com',
    to: 'me@example.com',
  })
  const telling = channel.tell(NOTICE, aborter.signal)
  const outcome = expect(telling).rejects.toMatchObject({ code: 'unreachable' })
  await vi.waitFor(() => expect(sockets).toHaveLength(1))
  aborter.abort()
  await outcome
  await vi.waitFor(() => expect(sockets[0]?.closed).toBe(true))
  dripping.close()
})

it.each([
  { server: 'http://127.0.0.1', from: 'a@b.c', to: 'a@b.c' },
  { server: 'smtp://127.0.0.1', from: 'a@b.c\nBcc: d@e.f', to: 'a@b.c' },
  { server: 'smtp://127.0.0.1', from: 'a@b.c', to: 'nobody' },
])('refuses %o', (settings) => {
  expect(() => new Mail(settings)).toThrow()
})
