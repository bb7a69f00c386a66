import { execFileSync } from 'node:child_process'
import { createHash, createPublicKey } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent } from 'node:http'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Steps, say, table } from '@cloister/terminal'
import { times } from '../numbers.ts'
import { bodyOf, firstByte, rateOf, Streams, type Way } from './client.ts'
import { installPeers } from './peers.ts'
import { freePort, processorSeconds, type Running, residentMib, start } from './processes.ts'

const SECONDS = 6
const CONNECTIONS = 32
/** Rounds of one stream each, by all ways in turn: what the machine does besides meets all of them. */
const ROUNDS = 400
const ENGINE_DELAY_MS = 10
const STREAMS = 2_000
const STREAM_CHUNKS = 12
const STREAM_EVERY_MS = 1_000
const KIB = 1024

/** A way, and the processes that it takes: the one that stands in front first. */
interface Measured extends Way {
  processes: Running[]
}

interface Result {
  name: string
  median: number
  p99: number
  rate: number
  /** Microseconds of processor time for a request, of each process. */
  cpu: number[]
  rateP99: number
  errors: number
  /** Of `STREAMS`, how many came to their end with all their chunks. */
  whole: number
  /** KiB of memory that an open stream took, of each process. */
  memory: number[]
}

/**
 * What the gateway's door to models adds to an engine, next to a bare proxy in Hono and to Portkey's gateway:
 * time to the first token, requests a second, processor time, and streams at once.
 */
export async function benchInference(): Promise<void> {
  const steps = new Steps(false)
  const folder = await mkdtemp(join(tmpdir(), 'cloister-bench-'))
  const running: Running[] = []
  try {
    const ways = await raise(folder, running, (text) => steps.begin('peers', text))
    steps.done()
    const results: Result[] = []
    const latencies = await timesToFirstByte(ways, (name) => steps.begin('first token', name))
    for (const [at, way] of ways.entries()) {
      steps.begin('load', way.name)
      const load = await loadOf(way)
      steps.begin('streams', way.name)
      const streams = await streamsOf(way)
      results.push({
        name: way.name,
        ...(latencies[at] as { median: number; p99: number }),
        ...load,
        ...streams,
      })
    }
    steps.done()
    print(results)
  } finally {
    for (const { stop } of running) stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function raise(folder: string, running: Running[], tell: (text: string) => void): Promise<Measured[]> {
  const peers = installPeers(tell)
  const run = async (...words: Parameters<typeof start>) => {
    const process = await start(...words)
    running.push(process)
    return process
  }
  const here = (file: string) => join(import.meta.dirname, file)
  const at = (port: number) => `http://127.0.0.1:${port}`
  const ports = await Promise.all(Array.from({ length: 16 }, freePort))
  const takePort = () => ports.pop() as number
  const tls = certificate(folder)
  const [engine, hono, portkey] = [takePort(), takePort(), takePort()]
  /** An engine, and an index that has it, or a worker before it, as the one endpoint. */
  const engineWithIndex = async (port: number, workerUrl: string, keyHash = '') => {
    const index = takePort()
    await run([here('engine.ts'), String(port), String(index), workerUrl, keyHash], index)
    return at(index)
  }
  const gateway = async (index: string) => {
    const port = takePort()
    const process = await run([here('gateway.ts'), String(port), index, join(folder, `${port}.json`)], port)
    return { url: at(port), headers: {}, process }
  }
  const worker = async (port: number, to: number) =>
    run([here('worker.ts'), String(port), tls.key, tls.cert, String(to)], port)
  const plain = await gateway(await engineWithIndex(engine, at(engine)))
  const [firstWorker, firstEngine] = [takePort(), takePort()]
  const secure = await gateway(
    await engineWithIndex(firstEngine, `https://127.0.0.1:${firstWorker}`, tls.keyHash),
  )
  const [secondWorker, secondEngine, door] = [takePort(), takePort(), takePort()]
  const whole = await gateway(
    await engineWithIndex(secondEngine, `https://127.0.0.1:${secondWorker}`, tls.keyHash),
  )
  const ways: Measured[] = [
    { name: 'the engine itself', url: at(engine), headers: {}, processes: [] },
    { name: 'our gateway', ...plain, processes: [plain.process] },
    {
      name: '… TLS, a worker',
      ...secure,
      processes: [secure.process, await worker(firstWorker, firstEngine)],
    },
    {
      name: '… and an endpoint’s door',
      ...whole,
      processes: [
        whole.process,
        await worker(secondWorker, door),
        await run([here('door.ts'), String(door), at(secondEngine)], door),
      ],
    },
  ]
  if (!peers) {
    say('Hono and Portkey can not be installed here and are left out')
    return ways
  }
  ways.push(
    {
      name: 'a bare proxy in Hono',
      url: at(hono),
      headers: {},
      processes: [await run([peers.hono, String(hono), at(engine)], hono)],
    },
    {
      name: 'Portkey 1.15.2',
      url: at(portkey),
      headers: { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${at(engine)}/v1` },
      processes: [
        await run([peers.portkey, `--port=${portkey}`, '--headless'], portkey, {
          env: { TRUSTED_CUSTOM_HOSTS: '127.0.0.1', NODE_ENV: 'production' },
          isQuiet: true,
        }),
      ],
    },
  )
  return ways
}

async function timesToFirstByte(
  ways: readonly Measured[],
  tell: (name: string) => void,
): Promise<{ median: number; p99: number }[]> {
  const body = bodyOf({ chunks: 2, delay: ENGINE_DELAY_MS }, true)
  const agents = ways.map(() => new Agent({ keepAlive: true, maxSockets: 1 }))
  const taken: number[][] = ways.map(() => [])
  for (let round = -50; round < ROUNDS; round++) {
    if (round % 50 === 0) tell(`round ${round}`)
    for (const [at, way] of ways.entries()) {
      const ms = await firstByte(way, agents[at] as Agent, body)
      if (round >= 0) taken[at]?.push(ms)
    }
  }
  for (const agent of agents) agent.destroy()
  return taken.map((all) => {
    const sorted = all.toSorted((one, other) => one - other)
    const share = (part: number) => sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN
    return { median: share(0.5), p99: share(0.99) }
  })
}

async function loadOf(way: Measured): Promise<Pick<Result, 'rate' | 'cpu' | 'rateP99' | 'errors'>> {
  await rateOf(way, CONNECTIONS, 2)
  const before = await Promise.all(way.processes.map(({ pid }) => processorSeconds(pid)))
  const { rate, total, p99, errors } = await rateOf(way, CONNECTIONS, SECONDS)
  const after = await Promise.all(way.processes.map(({ pid }) => processorSeconds(pid)))
  const cpu = after.map((seconds, at) => ((seconds - (before[at] ?? 0)) / total) * 1e6)
  return { rate, cpu, rateP99: p99, errors }
}

async function streamsOf(way: Measured): Promise<Pick<Result, 'whole' | 'memory'>> {
  const resident = () => Promise.all(way.processes.map(({ pid }) => residentMib(pid)))
  const before = await resident()
  const streams = new Streams()
  for (let opened = 0; opened < STREAMS; opened++) {
    streams.open(way, STREAM_CHUNKS, STREAM_EVERY_MS)
    if (opened % 50 === 49) await delay(10)
  }
  const until = performance.now() + STREAM_CHUNKS * STREAM_EVERY_MS + 30_000
  const wait = async (isOver: () => boolean) => {
    while (!isOver() && performance.now() < until) await delay(50)
  }
  await wait(() => streams.begun === STREAMS)
  const during = await resident()
  await wait(() => streams.over === STREAMS)
  streams.close()
  await delay(500)
  const memory = during.map((mib, at) => ((mib - (before[at] ?? 0)) * KIB) / STREAMS)
  return { whole: streams.whole, memory }
}

function print(results: readonly Result[]): void {
  const [direct, ours] = results
  const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0)
  const show = (numbers: readonly number[], digits: number) =>
    numbers.map((number) => number.toFixed(digits)).join(' + ') || '–'
  say(
    table(
      [
        'way',
        'first token',
        'added',
        '99%',
        'added',
        'requests/s',
        '99%',
        'errors',
        'CPU µs',
        'streams',
        'KiB',
      ],
      results.map(({ name, median, p99, rate, rateP99, errors, cpu, whole, memory }) => [
        name,
        `${median.toFixed(2)} ms`,
        `${(median - (direct?.median ?? 0)).toFixed(2)} ms`,
        `${p99.toFixed(1)} ms`,
        `${(p99 - (direct?.p99 ?? 0)).toFixed(1)} ms`,
        rate.toFixed(0),
        `${rateP99} ms`,
        String(errors),
        show(cpu, 0),
        `${whole} of ${STREAMS}`,
        show(memory, 0),
      ]),
      ['first token', 'added', '99%', 'requests/s', 'errors', 'CPU µs', 'KiB'],
    ),
  )
  for (const peer of results.slice(4)) {
    if (!ours || !direct) continue
    say(
      `our gateway to ${peer.name}: ${times(sum(ours.cpu), sum(peer.cpu))} the processor time of a request, ` +
        `${times(ours.rate, peer.rate)} the requests, ` +
        `${times(ours.median - direct.median, peer.median - direct.median)} what is added at the median, ` +
        `${times(sum(ours.memory), sum(peer.memory))} the memory of an open stream`,
    )
  }
  say(
    `first token: ${ROUNDS} streams one after the other by each way in turn, an engine that waits ` +
      `${ENGINE_DELAY_MS} ms; requests: ${CONNECTIONS} connections for ${SECONDS} s, an engine that waits for ` +
      `nothing; streams: a word a second for ${STREAM_CHUNKS} s; client, engine and all processes share this ` +
      `machine's cores, whose load was ${loadavg()
        .map((load) => load.toFixed(1))
        .join(', ')} at the end`,
  )
}

/** A worker's certificate, and the digest of its key by which the chain knows it. */
function certificate(folder: string): { key: string; cert: string; keyHash: string } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const words = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ]
  execFileSync('openssl', [...words, '-subj', '/CN=worker', '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  })
  const pem = execFileSync('openssl', ['x509', '-in', cert, '-pubkey', '-noout'])
  const spki = createPublicKey(pem).export({ format: 'der', type: 'spki' })
  return { key, cert, keyHash: `0x${createHash('sha256').update(spki).digest('hex')}` }
}
