import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseManifest, ROUTE_HEADER } from '@cloister/core'
import { leases } from '@cloister/sdk'
import { Steps, say, table } from '@cloister/terminal'
import autocannon from 'autocannon'
import { raiseNetwork } from './network.ts'
import { times } from './numbers.ts'

const MIB = 1024 * 1024
const SECONDS = 8
const CONNECTIONS = 32
/** Bytes of one body; a gateway takes no larger ones. */
const BODY_BYTES = 256 * MIB
/** Bodies of each direction: 1 GiB together. */
const BODIES = 4
const WEBSOCKETS = 2_000
/** Ticks of the processor time that the kernel reports, in a second. */
const TICKS = 100

/** Answers at once; sends and takes bodies of any size; takes WebSockets, on which it says nothing. */
const SERVER = `
const http = require("http"), { createHash } = require("crypto"), piece = Buffer.alloc(65536)
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
http.createServer((q, s) => {
  if (q.method === "POST") {
    let n = 0
    return q.on("data", (d) => (n += d.length)).on("end", () => s.end(String(n)))
  }
  if (!q.url.startsWith("/down/")) return s.end("hello world")
  let left = Number(q.url.slice(6))
  s.setHeader("content-length", left)
  const more = () => {
    while (left > 0) {
      const n = Math.min(left, piece.length)
      left -= n
      if (!s.write(piece.subarray(0, n))) return s.once("drain", more)
    }
    s.end()
  }
  more()
}).on("upgrade", (q, s) => {
  const accept = createHash("sha1").update(q.headers["sec-websocket-key"] + GUID).digest("base64")
  const head = ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: upgrade"]
  s.on("error", () => {})
  s.write([...head, "sec-websocket-accept: " + accept, "", ""].join("\\r\\n"))
}).listen(Number(process.argv.at(-1)))
`

interface Way {
  name: string
  url: string
  headers: Record<string, string>
}

interface Rate {
  name: string
  rate: number
  p50: number
  p99: number
  errors: number
  /** Microseconds of processor time for a request, by the daemon that took it. */
  cpu: Record<string, number>
}

/**
 * Requests per second, the 99th percentile, processor time and large bodies: through the gateway, at the
 * worker, through nginx and HAProxy, and at the same server without any of us.
 */
export async function benchGateway(): Promise<void> {
  const steps = new Steps(false)
  const { embedded, folder, tenant: cloister, end } = await raiseNetwork(steps)
  const port = await freePort()
  const started: ChildProcess[] = []
  const run = (program: string, words: string[]) =>
    void started.push(spawn(program, words, { stdio: 'ignore' }))
  await writeFile(join(folder, 'server.cjs'), SERVER)
  run(process.execPath, [join(folder, 'server.cjs'), String(port)])
  try {
    const code = `eval(Buffer.from("${Buffer.from(SERVER).toString('base64')}","base64").toString())`
    const compose = (expose: string) =>
      `services:\n  web:\n    image: cloister/hello:1\n    command: ["node", "-e", '${code}', "8080"]\n    ports: [${expose}]\n    deploy: { resources: { limits: { cpus: "2", memory: 256M } } }\n`
    const deployed = await leases.deploy(cloister, {
      manifest: parseManifest(compose('"8080"'), { file: 'compose.yaml' }).manifest,
      pay: 'USDC',
      deposit: 1_000_000n,
      provider: (await cloister.index.workers()).find((worker) => worker.cpuMilli === 8000)?.worker,
    })
    const tcp = await leases.deploy(cloister, {
      manifest: parseManifest(compose('{ target: 8080, app_protocol: tcp }'), { file: 'compose.yaml' })
        .manifest,
      pay: 'USDC',
      deposit: 1_000_000n,
      provider: deployed.worker,
    })
    const worker = await cloister.index.worker(deployed.worker)
    const direct = tcp.routes[0]?.url.replace('tcp:', 'http:') ?? ''
    const ways: Way[] = [
      { name: 'the same server on the host', url: `http://127.0.0.1:${port}`, headers: {} },
      { name: 'the container, through its forwarded TCP port', url: direct, headers: {} },
    ]
    for (const [name, program, configuration, words] of PEERS) {
      if (!existsSync(program)) {
        say(`${name} is not on this machine and is left out`)
        continue
      }
      const at = await freePort()
      const file = join(folder, `${name}.conf`)
      await writeFile(file, configuration(at, new URL(direct).host, folder))
      run(program, [...words(folder), file])
      ways.push({ name: `${name} in front of that port`, url: `http://127.0.0.1:${at}`, headers: {} })
    }
    const last: Way = { name: 'the gateway', url: deployed.url['web'] ?? '', headers: {} }
    ways.push(
      {
        name: 'the worker, as an old gateway asks it',
        url: worker.endpoint,
        headers: { [ROUTE_HEADER]: `${deployed.lease}/web` },
      },
      last,
    )
    const pids = new Map<string, number>()
    for (const [name, { pid }] of embedded.daemons) if (pid !== undefined) pids.set(name, pid)
    const results: Rate[] = []
    for (const way of ways) {
      steps.begin('load', way.name)
      results.push(await rateOf(way, pids))
    }
    steps.done()
    printRates(results)
    steps.begin('bodies', '1 GiB each way')
    const bodies = []
    for (const { name, url } of [ways[1], last] as Way[])
      bodies.push({ name, down: await download(url), up: await upload(url) })
    steps.begin('WebSockets', String(WEBSOCKETS))
    const idle = await idleWebSockets(last.url, pids)
    steps.done()
    const [before, ours] = bodies
    if (before && ours)
      say(
        `1 GiB down: ${ours.down.toFixed(0)} MiB/s, ${times(ours.down, before.down)} the container's own; ` +
          `up: ${ours.up.toFixed(0)} MiB/s, ${times(ours.up, before.up)}`,
      )
    say(idle)
    say(
      `${CONNECTIONS} connections for ${SECONDS} s each; client, gateway, worker and container share this ` +
        `machine's cores, whose load was ${loadavg()
          .map((load) => load.toFixed(1))
          .join(', ')} at the end`,
    )
  } finally {
    for (const child of started) child.kill()
    await end()
  }
}

async function rateOf({ name, url, headers }: Way, pids: Map<string, number>): Promise<Rate> {
  // The worker's certificate is its own; what is measured here is speed.
  const options = { url, headers, tlsOptions: { rejectUnauthorized: false }, connections: CONNECTIONS }
  await autocannon({ ...options, duration: 2 })
  await delay(500)
  const before = await processorSeconds(pids)
  const result = await autocannon({ ...options, duration: SECONDS })
  const after = await processorSeconds(pids)
  const cpu: Rate['cpu'] = {}
  for (const [daemon, seconds] of after) {
    const spent = ((seconds - (before.get(daemon) ?? 0)) / result.requests.total) * 1e6
    // Others do their daily work meanwhile.
    if (seconds - (before.get(daemon) ?? 0) > SECONDS / 20) cpu[daemon] = spent
  }
  return {
    name,
    rate: result.requests.average,
    p50: result.latency.p50,
    p99: result.latency.p99,
    errors: result.errors + result.non2xx,
    cpu,
  }
}

function printRates(results: Rate[]): void {
  const direct = results[1]
  say(
    table(
      ['way', 'requests/s', 'to the container', 'median', '99%', 'errors', 'CPU µs a request'],
      results.map(({ name, rate, p50, p99, errors, cpu }) => [
        name,
        rate.toFixed(0),
        times(rate, direct?.rate ?? 1),
        `${p50} ms`,
        `${p99} ms`,
        String(errors),
        Object.entries(cpu)
          .map(([daemon, spent]) => `${daemon} ${spent.toFixed(0)}`)
          .join(', '),
      ]),
      ['requests/s', 'to the container', 'median', '99%', 'errors'],
    ),
  )
}

/** Seconds of processor time that daemons have had, by name. */
async function processorSeconds(pids: Map<string, number>): Promise<Map<string, number>> {
  const spent = new Map<string, number>()
  for (const [name, pid] of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // After the name, which may have anything in it; user and system time are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    spent.set(name, (Number(fields[11]) + Number(fields[12])) / TICKS)
  }
  return spent
}

/** MiB a second. */
async function download(url: string): Promise<number> {
  const began = performance.now()
  for (let body = 0; body < BODIES; body++) {
    let come = 0
    await new Promise((done, fail) =>
      request(new URL(`/down/${BODY_BYTES}`, url), (answer) =>
        answer.on('data', (piece) => (come += piece.length)).on('end', done),
      )
        .on('error', fail)
        .end(),
    )
    if (come !== BODY_BYTES) throw new Error(`${come} bytes came`)
  }
  return ((BODY_BYTES / MIB) * BODIES * 1000) / (performance.now() - began)
}

/** MiB a second. */
async function upload(url: string): Promise<number> {
  const piece = Buffer.alloc(64 * 1024)
  const began = performance.now()
  for (let body = 0; body < BODIES; body++) {
    const counted = await new Promise<string>((done, fail) => {
      const headers = { 'content-length': BODY_BYTES }
      const outgoing = request(new URL('/', url), { method: 'POST', headers }, (answer) => {
        let text = ''
        answer.on('data', (part) => (text += part)).on('end', () => done(text))
      })
      outgoing.on('error', fail)
      let left = BODY_BYTES
      const more = () => {
        while (left > 0) {
          left -= piece.length
          if (!outgoing.write(piece)) return void outgoing.once('drain', more)
        }
        outgoing.end()
      }
      more()
    })
    if (Number(counted) !== BODY_BYTES) throw new Error(`the server counted ${counted}`)
  }
  return ((BODY_BYTES / MIB) * BODIES * 1000) / (performance.now() - began)
}

/** What idle WebSockets cost gateway and worker in memory, in a sentence. */
async function idleWebSockets(url: string, pids: Map<string, number>): Promise<string> {
  const { hostname, port, host } = new URL(url)
  const before = await residentMib(pids)
  const sockets: Socket[] = []
  const open = () =>
    new Promise<boolean>((done) => {
      const socket = connect(Number(port), hostname)
      sockets.push(socket)
      socket.write(
        `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      )
      socket.once('data', (head) => done(String(head).startsWith('HTTP/1.1 101')))
      socket.on('error', () => done(false))
    })
  let opened = 0
  while (sockets.length < WEBSOCKETS)
    for (const isOpen of await Promise.all(Array.from({ length: 50 }, open))) if (isOpen) opened++
  await delay(2_000)
  const after = await residentMib(pids)
  for (const socket of sockets) socket.destroy()
  const grown = [...after]
    .map(([name, mib]) => ({ name, mib, more: mib - (before.get(name) ?? 0) }))
    .filter(({ more }) => more >= 5)
    .map(({ name, mib, more }) => `${name} ${more.toFixed(0)} MiB more, ${mib.toFixed(0)} in all`)
  return `${opened} of ${WEBSOCKETS} idle WebSockets: ${grown.join('; ')}`
}

async function residentMib(pids: Map<string, number>): Promise<Map<string, number>> {
  const resident = new Map<string, number>()
  for (const [name, pid] of pids) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    resident.set(name, Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024)
  }
  return resident
}

/** Who else stands in front of servers: name, program, configuration, words before the file. */
const PEERS: [
  string,
  string,
  (port: number, to: string, folder: string) => string,
  (folder: string) => string[],
][] = [
  [
    'nginx',
    '/usr/sbin/nginx',
    (port, to, folder) => `daemon off; master_process off; pid ${folder}/nginx.pid; error_log /dev/null crit;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000;
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  upstream container { server ${to}; keepalive 64; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://container; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`,
    (folder) => ['-p', folder, '-c'],
  ],
  [
    'HAProxy',
    '/usr/sbin/haproxy',
    (port, to) => `global
  maxconn 4096
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend door
  bind 127.0.0.1:${port}
  default_backend container
backend container
  http-reuse always
  server container ${to}
`,
    () => ['-q', '-db', '-f'],
  ],
]

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
