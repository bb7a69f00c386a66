import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DoorsStage, raiseDoors } from './doors.ts'
import { freePort, until } from './embedded.ts'

/** Whether both peers are on this machine. */
export const hasPeers = existsSync('/usr/sbin/nginx') && existsSync('/usr/sbin/haproxy')

/** What became of messages. */
export interface Findings {
  messages: number
  /** Messages of which a service got at least one request, by who passed them on. */
  passed: Record<Way, number>
  /**
   * Messages of which a service got more requests through us, by hand or by Node's parser, than through
   * either peer, or something malformed.
   */
  violations: { seed: number; message: string; requests: Record<Way, number> }[]
}

/** `careful`: through us, on a connection that Node's parser reads from the first request on. */
const WAYS = ['ours', 'careful', 'nginx', 'haproxy'] as const
type Way = (typeof WAYS)[number]
const QUIET_MS = 500
const PATIENT_MS = 5_000

/** A service that counts the requests it gets by the message that their targets name. */
class Counter {
  readonly server: Server
  private readonly counts = new Map<string, number>()
  /** Connections on which something came that is no request. */
  malformed = 0

  constructor() {
    this.server = createServer({ maxHeaderSize: 65_536, keepAliveTimeout: 60_000 }, (request, response) => {
      const id = /m(\d+)x/.exec(request.url ?? '')?.[1] ?? ''
      this.counts.set(id, (this.counts.get(id) ?? 0) + 1)
      request.resume()
      request.on('end', () => response.end('ok'))
    })
    this.server.maxHeadersCount = 0
    this.server.requestTimeout = 0
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (!/^(HPE_INVALID_EOF_STATE|ECONNRESET|EPIPE)$/.test(error.code ?? '')) this.malformed++
      socket.destroy()
    })
  }

  take(id: number): number {
    const count = this.counts.get(String(id)) ?? 0
    this.counts.delete(String(id))
    return count
  }
}

/** Our gateway and worker beside nginx and HAProxy, each with a counting service behind it. */
export class Differential {
  private readonly counters: Record<Way, Counter> = {
    ours: new Counter(),
    careful: new Counter(),
    nginx: new Counter(),
    haproxy: new Counter(),
  }
  private readonly peers: ChildProcess[] = []
  private readonly ports = { ours: 0, careful: 0, nginx: 0, haproxy: 0 }
  private stage: DoorsStage | undefined
  private folder = ''

  async begin(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'cloister-peers-'))
    const { ours, careful, nginx, haproxy } = this.counters
    this.stage = await raiseDoors(
      [
        { name: 'counter', service: (socket) => void ours.server.emit('connection', socket) },
        { name: 'careful', service: (socket) => void careful.server.emit('connection', socket) },
      ],
      { silenceMs: 2_000 },
    )
    this.ports.ours = this.stage.gatewayPort
    this.ports.careful = this.stage.gatewayPort
    await this.peer('nginx', (port) => nginxConfiguration(port, portOf(nginx.server), this.folder), [
      '/usr/sbin/nginx',
      '-p',
      this.folder,
      '-c',
    ])
    await this.peer('haproxy', (port) => haproxyConfiguration(port, portOf(haproxy.server)), [
      '/usr/sbin/haproxy',
      '-q',
      '-db',
      '-f',
    ])
  }

  async end(): Promise<void> {
    await this.stage?.end()
    for (const peer of this.peers) peer.kill('SIGTERM')
    await Promise.all(
      this.peers.map((peer) => peer.exitCode ?? new Promise((done) => peer.once('exit', done))),
    )
    for (const { server } of Object.values(this.counters)) {
      server.closeAllConnections()
      server.close()
    }
    await rm(this.folder, { recursive: true, force: true })
  }

  /** Sends messages `from` to `to`, each made of its number, over all ways, `atOnce` at a time. */
  async run(from: number, to: number, atOnce = 24): Promise<Findings> {
    const findings: Findings = {
      messages: to - from,
      passed: { ours: 0, careful: 0, nginx: 0, haproxy: 0 },
      violations: [],
    }
    let next = from
    const work = async () => {
      for (let seed = next++; seed < to; seed = next++) {
        const message = messageOf(seed, this.stage?.hostOf('counter') ?? '')
        let requests = await this.requestsOf(seed, message, QUIET_MS)
        for (const way of WAYS) if (requests[way] > 0) findings.passed[way]++
        // On a busy machine a peer may not have got to it yet.
        if (seesMore(requests)) requests = await this.requestsOf(seed, message, PATIENT_MS)
        if (seesMore(requests))
          findings.violations.push({ seed, message: message.toString('latin1'), requests })
      }
    }
    await Promise.all(Array.from({ length: atOnce }, work))
    const malformed = this.counters.ours.malformed + this.counters.careful.malformed
    this.counters.ours.malformed = 0
    this.counters.careful.malformed = 0
    if (malformed > 0)
      findings.violations.push({
        seed: -1,
        message: `${malformed} malformed requests`,
        requests: { ours: 0, careful: 0, nginx: 0, haproxy: 0 },
      })
    return findings
  }

  /** Requests that services see of a message, by the way it took. */
  private async requestsOf(seed: number, message: Buffer, quietMs: number): Promise<Record<Way, number>> {
    // Its host has another name of the same length, and an own page before it is never read by hand.
    const careful = Buffer.concat([
      Buffer.from('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      messageOf(seed, this.stage?.hostOf('careful') ?? ''),
    ])
    await Promise.all(
      WAYS.map((way) => send(this.ports[way], way === 'careful' ? careful : message, quietMs)),
    )
    return {
      ours: this.counters.ours.take(seed),
      careful: this.counters.careful.take(seed),
      nginx: this.counters.nginx.take(seed),
      haproxy: this.counters.haproxy.take(seed),
    }
  }

  private async peer(
    way: 'nginx' | 'haproxy',
    configuration: (port: number) => string,
    [program = '', ...words]: string[],
  ): Promise<void> {
    await new Promise<void>((done) => this.counters[way].server.listen(0, '127.0.0.1', done))
    const port = await freePort()
    const file = join(this.folder, `${way}.conf`)
    await writeFile(file, configuration(port))
    this.peers.push(spawn(program, [...words, file], { stdio: 'ignore' }))
    this.ports[way] = port
    await until(
      `${way} answers`,
      async () =>
        (await send(port, Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))) > 0,
    )
  }
}

function seesMore({ ours, careful, nginx, haproxy }: Record<Way, number>): boolean {
  return Math.max(ours, careful) > Math.max(1, nginx, haproxy)
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/**
 * Sends bytes, waits until the other side has closed or says nothing more, and tells how many bytes came
 * back.
 */
function send(port: number, bytes: Buffer, quietMs = QUIET_MS): Promise<number> {
  return new Promise((resolve) => {
    let count = 0
    const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => socket.write(bytes))
    socket.setTimeout(quietMs, () => socket.destroy())
    socket.on('data', (chunk) => (count += chunk.length))
    socket.on('error', () => {})
    socket.on('close', () => resolve(count))
  })
}

/** The message that a number stands for: mostly requests, whose framing somebody has tampered with. */
function messageOf(seed: number, host: string): Buffer {
  const random = randomOf(seed)
  const pick = <T>(...choices: T[]): T => choices[Math.floor(random() * choices.length)] as T
  const often = (share: number) => random() < share
  const mostly = <T>(usual: T, ...others: T[]): T => (often(0.85) ? usual : pick(...others))
  const target = `/m${seed}x`
  const inner = `GET ${target}-inner HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  const body = pick(
    '',
    'abc',
    inner,
    `0\r\n\r\n${inner}`,
    `3\r\nabc\r\n0\r\n\r\n${inner}`,
    `${inner}${inner}`,
  )
  const chunked = () => {
    const size = Buffer.byteLength(body).toString(16)
    const written = mostly(
      size,
      `0${size}`,
      `${size};a=b`,
      `${size} `,
      `+${size}`,
      `0x${size}`,
      `${size};\n`,
      `ffffffff${size}`,
      size.toUpperCase(),
    )
    const eol = () => (often(0.93) ? '\r\n' : pick('\n', '\r', '\r\r\n', '\n\r\n'))
    const trailer = often(0.2)
      ? pick(
          'x: y\r\n',
          'Content-Length: 5\r\n',
          'Host: evil\r\n',
          'Transfer-Encoding: chunked\r\n',
          ' x\r\n',
          'x\r\n',
        )
      : ''
    return body === ''
      ? `0${eol()}${trailer}\r\n`
      : `${written}${eol()}${body}${eol()}0${eol()}${trailer}${eol()}`
  }
  const lengths = ['0', String(body.length + 3), `+${body.length}`, `-1`, `${body.length}, ${body.length}`]
  const codings = [
    'Chunked',
    'chunked ',
    '\tchunked',
    '"chunked"',
    'xchunked',
    'identity',
    'gzip, chunked',
    'chunked, identity',
    'chunked, chunked',
    ',chunked',
    'chunked;q=1',
    '',
  ]
  const isChunked = often(0.5)
  const framing = [
    ...(isChunked || often(0.15)
      ? [
          `${mostly('Transfer-Encoding', 'transfer-encoding', 'Transfer-Encoding ', 'Transfer_Encoding', ' Transfer-Encoding', 'X: y\nTransfer-Encoding', '\x0bTransfer-Encoding')}:${mostly(' ', '', '\t', '\r\n ', '\x0b')}${mostly('chunked', ...codings)}`,
        ]
      : []),
    ...(!isChunked || often(0.15)
      ? [
          `${mostly('Content-Length', 'content-length', 'Content-Length ', 'Content_Length', 'Content-Length\0')}: ${mostly(String(body.length), ...lengths, '4\r\nContent-Length: 5', '1e1', '0x4', '٣')}`,
        ]
      : []),
    ...(often(0.05) ? [`Content-Length: ${body.length}`] : []),
    ...(often(0.05) ? ['Transfer-Encoding: chunked'] : []),
  ]
  const others = [
    ...(often(0.1) ? [pick('Expect: 100-continue', 'Expect: x', 'Expect:100-continue')] : []),
    ...(often(0.1)
      ? [
          pick(
            'Connection: close',
            'Connection: keep-alive',
            'Connection: Transfer-Encoding',
            'Connection: Content-Length, Host',
            'Connection: Upgrade',
          ),
        ]
      : []),
    ...(often(0.08) ? [pick('Upgrade: h2c', 'Upgrade: websocket', 'Upgrade: x')] : []),
    ...(often(0.05)
      ? [
          pick(
            'Trailer: x',
            'TE: trailers',
            'X: a\r\n b',
            `Host: ${host}`,
            'X: \xff',
            'X\x01: y',
            ': y',
            'x',
            'X: a\rb',
            'X: \0',
          ),
        ]
      : []),
  ]
  const headers = [`Host: ${host}`, ...framing, ...others].sort(() => random() - 0.5)
  const method = mostly(
    pick('GET', 'POST', 'PUT', 'DELETE'),
    'HEAD',
    'OPTIONS',
    'PATCH',
    'TRACE',
    'PROPFIND',
    'get',
    'FOO',
  )
  const version = often(0.9)
    ? 'HTTP/1.1'
    : pick('HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', 'HTTP/01.1', '')
  const form = often(0.92)
    ? target
    : pick(
        `http://${host}${target}`,
        `*${target}`,
        `${target}#f`,
        `${target} x`,
        `//${target}`,
        `${target}\t`,
      )
  const head = `${often(0.03) ? pick('\r\n', '\n', ' ') : ''}${method} ${form} ${version}\r\n${headers.join(often(0.97) ? '\r\n' : '\n')}\r\n\r\n`
  const whole = Buffer.from(head + (isChunked ? chunked() : body) + (often(0.1) ? inner : ''), 'latin1')
  // Now and then a byte is something else, twice, or gone.
  if (often(0.2) && whole.length > 0) {
    const at = Math.floor(random() * whole.length)
    if (often(0.5)) whole[at] = Math.floor(random() * 256)
    else
      return often(0.5)
        ? Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)])
        : Buffer.concat([whole.subarray(0, at + 1), whole.subarray(at)])
  }
  return whole
}

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function nginxConfiguration(port: number, upstream: number, folder: string): string {
  return `daemon off; master_process off; pid ${folder}/nginx.pid; error_log /dev/null crit;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  upstream counter { server 127.0.0.1:${upstream}; keepalive 64; }
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://counter; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}
`
}

function haproxyConfiguration(port: number, upstream: number): string {
  return `global
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend door
  bind 127.0.0.1:${port}
  default_backend counter
backend counter
  server counter 127.0.0.1:${upstream}
`
}
