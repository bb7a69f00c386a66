import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MAX_DURATION_MS, MAX_RETRIES } from '@cloister/core'
import { type FakeRegistry, startFakeRegistry } from '@cloister/development/engines'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { PullProgress } from '../executor.ts'
import { ImageStore } from '../sandbox/image-store.ts'
import { buildImage } from './build.ts'
import type { ImageSettings } from './find.ts'

const SILENCE_MS = 400

describe('a pull', () => {
  let folder: string
  let layout: string
  let digest: string
  let registry: FakeRegistry
  let reference: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-registry-'))
    layout = join(folder, 'layout')
    const big = randomBytes(300_000).toString('base64')
    digest = await buildImage({
      layout,
      name: 'app:1',
      programs: {},
      files: { '/app/big': big },
      entrypoint: ['/x'],
      command: [],
      env: {},
    })
    registry = await startFakeRegistry(layout)
    reference = `${registry.host}/team/app:1`
  })
  beforeEach(() => {
    registry.tags = new Map([['team/app:1', digest]])
    registry.login = undefined
    registry.misbehave = () => false
    registry.asked = []
  })
  afterAll(async () => {
    await registry.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const storeFolder = () => join(folder, `store-${randomBytes(4).toString('hex')}`)
  const storeIn = (where: string, trusted = [registry.host], more: Partial<ImageSettings> = {}) =>
    new ImageStore(where, { layouts: [], trustedRegistries: trusted, silenceMs: SILENCE_MS, ...more })
  const failureOf = (
    wanted: string,
    trusted?: string[],
    credentials?: { host: string; username: string; password: string },
  ) =>
    storeIn(storeFolder(), trusted)
      .pull(wanted, { credentials })
      .then(
        () => expect.unreachable('it came'),
        (error) => error as { code: string; message: string; details: { reason: string } },
      )

  it('may take longer than a registry may be silent, tells how far it is, and ends whole', async () => {
    registry.misbehave = (_, response, blob) => {
      if (!blob || blob.length < 100_000) return false
      response.writeHead(200, { 'content-length': blob.length })
      let at = 0
      const timer = setInterval(() => {
        if (at >= blob.length) clearInterval(timer)
        if (at >= blob.length) response.end()
        else response.write(blob.subarray(at, (at += blob.length / 10)))
      }, SILENCE_MS / 4)
      return true
    }
    const told: PullProgress[] = []
    const where = storeFolder()
    const begun = Date.now()
    const image = await storeIn(where).pull(reference, { progress: (progress) => told.push(progress) })
    expect(Date.now() - begun).toBeGreaterThan(2 * SILENCE_MS)
    expect(image.digest).toBe(digest)
    const loading = told.filter(({ step }) => step === 'downloading')
    expect(loading.length).toBeGreaterThan(3)
    expect(loading.at(-1)?.bytes).toBe(loading.at(-1)?.total)
    expect(told.at(-1)).toMatchObject({ step: 'unpacking', bytes: told.at(-1)?.total })
    expect(readdirSync(where).sort()).toEqual([digest.replace(':', '-'), `${digest.replace(':', '-')}.json`])
  })

  it('goes on where it broke off', async () => {
    let breaks = 0
    const ranges: (string | undefined)[] = []
    registry.misbehave = (request, response, blob) => {
      if (!blob || blob.length < 100_000) return false
      ranges.push(request.headers.range)
      if (breaks++ >= 2) return false
      const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0)
      response.writeHead(from > 0 ? 206 : 200, { 'content-length': blob.length - from })
      response.write(blob.subarray(from, from + 100_000), () => response.destroy())
      return true
    }
    const where = storeFolder()
    expect((await storeIn(where).pull(reference)).digest).toBe(digest)
    expect(ranges).toEqual([undefined, 'bytes=100000-', 'bytes=200000-'])
  })

  it('fails where nothing comes any more, with the reason, no path of this machine’s, and nothing left behind', async () => {
    registry.misbehave = (_, response, blob) => {
      if (!blob || blob.length < 100_000) return false
      response.writeHead(200, { 'content-length': blob.length }).write(blob.subarray(0, 1_000))
      return true
    }
    const where = storeFolder()
    const error = await storeIn(where)
      .pull(reference)
      .catch((caught) => caught)
    expect(error).toMatchObject({ code: 'image-unavailable', details: { reason: 'unreachable' } })
    expect(error.message).toMatch(/has sent nothing for 0.4 s/)
    expect(error.message).not.toContain(folder)
    expect(readdirSync(where)).toEqual([])
  })

  it('ends when it is not wanted any more, and leaves nothing behind', async () => {
    registry.misbehave = (_, response, blob) => {
      if (!blob || blob.length < 100_000) return false
      response.writeHead(200, { 'content-length': blob.length }).write(blob.subarray(0, 1_000))
      return true
    }
    const where = storeFolder()
    const aborter = new AbortController()
    const pulling = storeIn(where).pull(reference, {
      signal: aborter.signal,
      progress: () => aborter.abort(),
    })
    await expect(pulling).rejects.toMatchObject({ name: 'AbortError' })
    expect(readdirSync(where)).toEqual([])
  })

  /** Sends a byte every now and then, and is never silent for long. */
  const drip = (response: ServerResponse, bytes: number) => {
    response.writeHead(200, { 'content-length': bytes })
    const timer = setInterval(() => response.write('x'), SILENCE_MS / 8)
    response.once('close', () => clearInterval(timer))
    return true
  }

  it.each(['manifests', 'blobs'])(
    'fails where what describes it (%s) drips, with the reason',
    async (kind) => {
      registry.misbehave = (request, response, blob) =>
        request.url?.includes(`/${kind}/`) === true && drip(response, blob?.length ?? 10_000)
      const error = await storeIn(storeFolder(), undefined, { documentMs: SILENCE_MS })
        .pull(reference)
        .catch((caught) => caught)
      expect(error).toMatchObject({
        code: 'image-unavailable',
        details: { reason: 'unreachable' },
        message: expect.stringContaining('too slow'),
      })
    },
  )

  it('fails where a layer drips without end, and leaves nothing behind', async () => {
    registry.misbehave = (_, response, blob) =>
      blob !== undefined && blob.length > 100_000 && drip(response, blob.length)
    const where = storeFolder()
    const error = await storeIn(where, undefined, { pullMs: 2 * SILENCE_MS })
      .pull(reference)
      .catch((caught) => caught)
    expect(error).toMatchObject({
      code: 'image-unavailable',
      message: expect.stringContaining('takes too long'),
    })
    expect(readdirSync(where)).toEqual([])
  })

  it('goes on for others when the one who began it leaves', async () => {
    let sending: { response: ServerResponse; blob: Buffer } | undefined
    registry.misbehave = (_, response, blob) => {
      if (!blob || blob.length < 100_000) return false
      response.writeHead(200, { 'content-length': blob.length })
      sending = { response, blob }
      return true
    }
    const store = storeIn(storeFolder(), undefined, { silenceMs: 60_000 })
    const aborter = new AbortController()
    const first = store.pull(reference, { signal: aborter.signal })
    await vi.waitFor(() => expect(sending).toBeDefined(), 10_000)
    let isTold = false
    const second = store.pull(reference, { progress: () => (isTold = true) })
    let at = 0
    await vi.waitFor(() => {
      sending?.response.write(sending.blob.subarray(at, (at += 100)))
      expect(isTold).toBe(true)
    }, 10_000)
    aborter.abort()
    await expect(first).rejects.toMatchObject({ name: 'AbortError' })
    sending?.response.end(sending.blob.subarray(at))
    expect((await second).digest).toBe(digest)
  })

  it('ends when it is not wanted any more, even before the registry says what it is', async () => {
    const aborter = new AbortController()
    registry.misbehave = (_, response) => {
      aborter.abort()
      return drip(response, 10_000)
    }
    await expect(storeIn(storeFolder()).pull(reference, { signal: aborter.signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })

  it('says one of many reasons why it failed', async () => {
    const { host } = registry
    expect(await failureOf(`${host}/team/app:2`)).toMatchObject({
      details: { reason: 'not-found' },
      message: expect.stringContaining('the tag 2'),
    })
    registry.login = { username: 'me', password: 'right' }
    const asked = await failureOf(reference)
    expect(asked).toMatchObject({
      details: { reason: 'login-needed' },
      hint: { do: 'log-in-to-registry' },
    })
    const refused = await failureOf(reference, undefined, { host, username: 'me', password: 'wrong-word' })
    expect(refused).toMatchObject({
      details: { reason: 'login-needed' },
      message: expect.stringContaining('does not take the login'),
    })
    expect(JSON.stringify(refused)).not.toContain('wrong-word')
    registry.login = undefined
    registry.misbehave = (_, response) => Boolean(response.writeHead(429).end())
    expect(await failureOf(reference)).toMatchObject({ details: { reason: 'rate-limited' } })
    registry.misbehave = () => false
    expect(await failureOf('127.0.0.1:1/team/app:1', ['127.0.0.1:1'])).toMatchObject({
      details: { reason: 'forbidden' },
    })
    expect(await failureOf('registry.invalid/team/app:1')).toMatchObject({
      details: { reason: 'unreachable' },
      message: expect.stringContaining('is unknown'),
    })
    expect(await failureOf(reference, [])).toMatchObject({
      details: { reason: 'forbidden' },
      message: expect.stringContaining('internal address'),
    })
  })

  it('of an image for another kind of machine says for which', async () => {
    const blob = (value: unknown) => {
      const bytes = Buffer.from(JSON.stringify(value))
      const name = createHash('sha256').update(bytes).digest('hex')
      writeFileSync(join(layout, 'blobs/sha256', name), bytes)
      return { digest: `sha256:${name}`, size: bytes.length }
    }
    const config = blob({ os: 'linux', architecture: 'arm64', config: {} })
    const only = blob({ schemaVersion: 2, config, layers: [] })
    registry.tags.set('team/app:arm', only.digest)
    registry.tags.set(
      'team/app:index',
      blob({ manifests: [{ ...only, platform: { os: 'linux', architecture: 'arm64' } }] }).digest,
    )
    for (const tag of ['arm', 'index'])
      expect(await failureOf(`${registry.host}/team/app:${tag}`)).toMatchObject({
        details: { reason: 'platform' },
        message: expect.stringMatching(/made for linux\/arm64.*linux\/amd64/),
      })
  })

  it('from a registry with a certificate of its own making is refused for that', async () => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        key,
        '-out',
        cert,
        '-days',
        '1',
        '-subj',
        '/CN=127.0.0.1',
      ],
      { stdio: 'ignore' },
    )
    const server = createServer(
      { key: readFileSync(key), cert: readFileSync(cert) },
      (_, response) => void response.end(),
    )
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const error = await failureOf(`${host}/team/app:1`, [`https://${host}`])
    expect(error).toMatchObject({
      details: { reason: 'certificate' },
      message: expect.stringContaining('self-signed'),
    })
    await new Promise((done) => server.close(done))
  })

  it('follows no redirect to the inside, and takes a login nowhere else', async () => {
    registry.login = { username: 'me', password: 'right' }
    const other = await startFakeRegistry(layout)
    registry.misbehave = (request, response, blob) => {
      if (!blob || request.headers.authorization === undefined) return false
      response.writeHead(307, { location: `http://${other.host}${request.url}` }).end()
      return true
    }
    const credentials = { host: registry.host, username: 'me', password: 'right' }
    expect(await failureOf(reference, undefined, credentials)).toMatchObject({
      details: { reason: 'forbidden' },
    })
    expect(other.asked).toEqual([])
    const image = await storeIn(storeFolder(), [registry.host, other.host]).pull(reference, { credentials })
    expect(image.digest).toBe(digest)
    expect(other.asked.length).toBeGreaterThan(0)
    expect(other.asked.every(({ authorization }) => authorization === undefined)).toBe(true)
    await other.stop()
  })

  it('tells what an image says of itself', async () => {
    const manifest = JSON.parse(readFileSync(join(layout, 'blobs', ...digest.split(':')), 'utf8'))
    const config = {
      Cmd: ['postgres'],
      StopSignal: 'SIGINT',
      ExposedPorts: { '5432/tcp': {}, '53/udp': {}, nonsense: {} },
      Volumes: { '/var/lib/postgresql/data': {} },
      Healthcheck: {
        Test: ['CMD-SHELL', 'pg_isready'],
        Interval: 5_000_000_000,
        StartPeriod: 1e25,
        Retries: 1e9,
      },
    }
    const write = (value: unknown) => {
      const bytes = Buffer.from(JSON.stringify(value))
      const hex = createHash('sha256').update(bytes).digest('hex')
      writeFileSync(join(layout, 'blobs/sha256', hex), bytes)
      return { digest: `sha256:${hex}`, size: bytes.length }
    }
    registry.tags.set(
      'team/db:1',
      write({ ...manifest, config: write({ architecture: 'amd64', os: 'linux', config }) }).digest,
    )
    const image = await storeIn(storeFolder()).pull(`${registry.host}/team/db:1`)
    expect(image).toMatchObject({
      stopSignal: 'SIGINT',
      ports: [
        { port: 5432, protocol: 'tcp' },
        { port: 53, protocol: 'udp' },
      ],
      volumes: ['/var/lib/postgresql/data'],
      health: {
        test: ['CMD-SHELL', 'pg_isready'],
        intervalMs: 5_000,
        timeoutMs: 30_000,
        startPeriodMs: MAX_DURATION_MS,
        retries: MAX_RETRIES,
      },
    })
  })
})
