import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { operateWorker } from '@cloister/agent'
import { postgresPrograms, startPostgres } from '@cloister/development/postgres'
import { startTestDoor } from '@cloister/inference/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundle } from '../scripts/publish/bundle.ts'
import { IMAGES } from '../scripts/publish/images.ts'
import { canDeploy, until } from './embedded.ts'
import { type Family, readExposition, sample } from './exposition.ts'
import { manifestOf, useWorker, web } from './own-worker.ts'

const SHORT = 'ab'.repeat(8)

/** A daemon as an image runs it, and what it has said it listens on. */
interface Running {
  child: ChildProcess
  url: string
  operator: string
  exited: Promise<number | null>
}

describe.skipIf(!canDeploy || postgresPrograms() === undefined)('what operators see', () => {
  const own = useWorker()
  const folder = mkdtempSync(join(tmpdir(), 'cloister-ops-'))
  const started: Running[] = []
  let postgres: Awaited<ReturnType<typeof startPostgres>>
  let indexer: Running
  let gateway: Running
  let agent: Awaited<ReturnType<typeof operateWorker>>
  /** Answers that an index owes, which answers nobody by itself. */
  const owed: ServerResponse[] = []
  const silent = createServer((_, response) => owed.push(response))

  const start = async (name: 'indexer' | 'gateway', words: string[], env: NodeJS.ProcessEnv = {}) => {
    const options = ['--network', join(own.folder, 'network.json'), '--host', '127.0.0.1', '--port', '0']
    const child = spawn(
      process.execPath,
      [join(folder, name, `${name}.js`), ...options, '--metrics', '0', ...words],
      { cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const exited = once(child, 'exit').then(([code]) => code as number | null)
    const urls: string[] = []
    for await (const line of createInterface(child.stdout)) {
      const url = /https?:\S+/.exec(JSON.parse(line).message)?.[0]
      if (url === undefined) throw new Error(line)
      if (urls.push(url) === 2) break
    }
    const [url = '', metrics = ''] = urls
    const running = { child, url, operator: new URL(metrics).origin, exited }
    started.push(running)
    return running
  }
  const scrape = async (operator: string): Promise<Map<string, Family>> => {
    const response = await fetch(`${operator}/metrics`)
    expect(response.headers.get('content-type')).toContain('version=0.0.4')
    return readExposition(await response.text())
  }
  const ready = async (operator: string) => {
    const response = await fetch(`${operator}/ready`)
    return { status: response.status, ...((await response.json()) as { ready: boolean; reasons: object[] }) }
  }
  const secure = ['--key', join(folder, 'key.pem'), '--cert', join(folder, 'cert.pem')]

  beforeAll(async () => {
    const made = Object.entries(IMAGES).filter(([name]) => name !== 'agent')
    for (const [name, { programs, files }] of made) {
      await bundle({ programs, files, folder: join(folder, name), target: 'node24', others: 'inside' })
      writeFileSync(join(folder, name, 'package.json'), '{"type":"module"}')
    }
    const subject = ['-nodes', '-days', '1', '-subj', '/CN=*.localhost']
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-keyout', secure[1] ?? '']
    execFileSync('openssl', ['req', '-x509', ...key, '-out', secure[3] ?? '', ...subject], {
      stdio: 'ignore',
    })
    postgres = await startPostgres(postgresPrograms() ?? '')
    indexer = await start('indexer', [], { CLOISTER_DATABASE: postgres.url })
    gateway = await start('gateway', ['--indexer', indexer.url, ...secure])
    agent = await operateWorker(own.running.worker, '0')
    await once(silent.listen(0, '127.0.0.1'), 'listening')
  })
  afterAll(async () => {
    for (const { child } of started) child.kill('SIGKILL')
    await Promise.all(started.map(({ exited }) => exited))
    silent.close()
    await agent?.close()
    await postgres?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is when each of them is ready: the indexer reads to the head, and the gateway asks it', async () => {
    for (const { operator } of [indexer, gateway])
      await until('it is ready', async () => (await ready(operator)).ready)
    expect(await ready(new URL(agent.url).origin)).toEqual({ status: 200, ready: true, reasons: [] })
    // Load balancers ask at the public door.
    expect(await ready(indexer.url)).toMatchObject({ status: 200 })
    expect(await ready(`http://127.0.0.1:${own.running.port}`)).toMatchObject({ status: 200 })
  })

  it('is how the index follows: block, rows and how long queries took', async () => {
    await (await fetch(`${indexer.url}/v1/leases/${SHORT}`)).text()
    const metrics = await scrape(indexer.operator)
    expect(sample(metrics, 'cloister_indexer_block')).toBeGreaterThan(0)
    expect(sample(metrics, 'cloister_indexer_blocks_behind')).toBeLessThan(5)
    expect(sample(metrics, 'cloister_indexer_events')).toBeGreaterThan(0)
    expect(sample(metrics, 'cloister_indexer_reorganisations_total')).toBe(0)
    expect(sample(metrics, 'cloister_indexer_rows', 'event')).toBeGreaterThanOrEqual(0)
    const text = await (await fetch(`${indexer.operator}/metrics`)).text()
    expect(text).toMatch(/query_duration_seconds_count\{route="\/v1\/leases\/\{\w+\}"\} 1/)
    expect(text).not.toContain(SHORT)
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes'])
      expect(sample(metrics, name)).toBeGreaterThan(0)
  })

  it('is what the gateway answered, and nothing of who was asked for', async () => {
    const port = Number(new URL(gateway.url).port)
    const status = await new Promise((done, fail) => {
      const host = `${SHORT}-secret-name.localhost`
      get({ host: '127.0.0.1', port, headers: { host }, rejectUnauthorized: false }, (response) => {
        response.resume().on('end', () => done(response.statusCode))
      }).on('error', fail)
    })
    expect(status).toBe(404)
    const metrics = await until('it is counted', async () => {
      const found = await scrape(gateway.operator)
      return sample(found, 'cloister_gateway_requests_total', '4xx') === 1 && found
    })
    expect(sample(metrics, 'cloister_gateway_request_duration_seconds')).toBe(1)
    expect(sample(metrics, 'cloister_gateway_open_streams', 'request')).toBe(0)
    expect(sample(metrics, 'cloister_gateway_worker_dials_total', 'unattested')).toBe(0)
    const expiry = sample(metrics, 'cloister_gateway_certificate_expiry_timestamp_seconds')
    expect(expiry).toBeGreaterThan(Date.now() / 1000)
    const text = await (await fetch(`${gateway.operator}/metrics`)).text()
    expect(text).not.toContain(SHORT)
    expect(text).not.toContain('secret-name')
  })

  it('is how a worker does: leases, coverage, money, room and bids', async () => {
    const id = await own.deploy(manifestOf(web()))
    await own.untilState(id, 'running')
    await expect(own.bid(own.order(manifestOf(web()), { attributes: { region: 'mars' } }))).rejects.toThrow()
    const { settlement } = own.running.worker
    await until('it collected what was earned', async () => {
      // Time passes on this chain with its blocks.
      await own.tenant.client.request({ method: 'evm_mine' } as never)
      await settlement.settleAll()
      return settlement.collections.count > 0
    })
    const metrics = await scrape(new URL(agent.url).origin)
    expect(sample(metrics, 'cloister_agent_leases', 'running')).toBe(1)
    expect(sample(metrics, 'cloister_agent_leases', 'failed')).toBe(0)
    const left = sample(metrics, 'cloister_agent_attestation_expiry_seconds')
    expect(left).toBeGreaterThan(60)
    expect(left).toBeLessThanOrEqual(3_700)
    expect(sample(metrics, 'cloister_agent_attested_timestamp_seconds')).toBeGreaterThan(1e9)
    expect(sample(metrics, 'cloister_agent_settlements_total')).toBeGreaterThan(0)
    expect(sample(metrics, 'cloister_agent_chain_block')).toBeGreaterThan(0)
    expect(sample(metrics, 'cloister_agent_bids_total', 'signed')).toBe(1)
    expect(sample(metrics, 'cloister_agent_bids_total', 'declined')).toBe(1)
    expect(sample(metrics, 'cloister_agent_cpus', 'used')).toBeCloseTo(0.2, 1)
    expect(sample(metrics, 'cloister_agent_filesystem_bytes', 'free')).toBeGreaterThan(0)
    const text = await (await fetch(agent.url)).text()
    for (const told of [id, id.slice(2, 18), own.tenant.account.address, 'web'])
      expect(text).not.toContain(told)
    await own.close(id)
  })

  it('is what alerts and dashboard ask for: there is no other metric in them', async () => {
    const endpoint = await startTestDoor()
    const operators = [indexer.operator, gateway.operator, new URL(agent.url).origin, endpoint.url]
    const known = new Set((await Promise.all(operators.map(scrape))).flatMap((found) => [...found.keys()]))
    await endpoint.close()
    for (const path of ['prometheus/alerts.yaml', 'grafana/cloister.json', 'grafana/inference.json']) {
      const text = readFileSync(join(import.meta.dirname, '../ops', path), 'utf8')
      const asked = text.match(/\b(cloister|process|nodejs)_[a-z0-9_]+/g) ?? []
      expect(asked.length).toBeGreaterThan(5)
      for (const name of asked) expect(known, name).toContain(name.replace(/_(bucket|sum|count)$/, ''))
    }
  })

  it('asked to stop, the gateway answers what it was asked, over HTTP/2, and takes nothing new', async () => {
    const { port } = silent.address() as AddressInfo
    const stopped = await start('gateway', ['--indexer', `http://127.0.0.1:${port}`, ...secure])
    const session = connectHttp2(stopped.url.replace('localhost', '127.0.0.1'), { rejectUnauthorized: false })
    const stream = session.request({ ':path': '/', ':authority': `${SHORT}-web.localhost` })
    const answered = once(stream, 'response')
    await until('the index was asked', async () => owed.length > 0)
    stopped.child.kill('SIGTERM')
    await until('it takes no connection', () =>
      fetch(stopped.url.replace('https://localhost', 'http://127.0.0.1')).then(
        () => false,
        (error) => error.cause?.code === 'ECONNREFUSED',
      ),
    )
    expect(await ready(stopped.operator)).toMatchObject({ status: 503, reasons: [{ code: 'stopping' }] })
    for (const response of owed.splice(0)) response.writeHead(404).end('{}')
    const [head] = await answered
    expect(head[':status']).toBeGreaterThanOrEqual(400)
    stream.resume()
    expect(await stopped.exited).toBe(0)
    session.destroy()
  })

  it('asked twice, it ends at once; the indexer ends with its database in order', async () => {
    const { port } = silent.address() as AddressInfo
    const stopped = await start('gateway', ['--indexer', `http://127.0.0.1:${port}`])
    const lost = fetch(`${stopped.url.replace('localhost', '127.0.0.1')}/v1/routes/${SHORT}`, {
      headers: { host: 'localhost' },
    }).catch(() => 'lost')
    await until('the index was asked', async () => owed.length > 0)
    stopped.child.kill('SIGTERM')
    await until('it stops', async () => !(await ready(stopped.operator)).ready)
    stopped.child.kill('SIGTERM')
    expect(await stopped.exited).toBe(143)
    expect(await lost).toBe('lost')
    indexer.child.kill('SIGTERM')
    expect(await indexer.exited).toBe(0)
    const again = await start('indexer', [], { CLOISTER_DATABASE: postgres.url })
    await until('it goes on where it was', async () => (await ready(again.operator)).ready)
  })
})
