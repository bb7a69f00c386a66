import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Duplex, duplexPair } from 'node:stream'
import { create } from 'tar'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { ContainerSpec } from '../executor.ts'
import { FRAME, readFrame, writeData, writeJson } from './frames.ts'
import { NodeClient } from './node-client.ts'
import type { NodeEngine } from './node-engine.ts'
import { serveCall } from './serve-node.ts'

const TASK = 'ab'.repeat(32)
const LEASE = `0x${'1'.repeat(64)}`
const folder = mkdtempSync(join(tmpdir(), 'cloister-serve-node-'))
afterAll(() => rmSync(folder, { recursive: true }))

const spec: ContainerSpec = {
  lease: LEASE,
  name: 'web-0',
  service: 'web',
  peers: ['web', 'db'],
  aliases: { my_db: 'db' },
  hosts: { 'api.example.com': '192.0.2.7' },
  image: {
    reference: 'docker.io/library/nginx:1',
    digest: `sha256:${'c'.repeat(64)}`,
    entrypoint: [],
    command: ['nginx'],
    env: { PATH: '/bin' },
    workingDir: '',
    user: '',
    volumes: ['/data'],
    ports: [{ port: 80, protocol: 'tcp' }],
    health: { test: ['true'], intervalMs: 1, timeoutMs: 1, retries: 1, startPeriodMs: 1, startIntervalMs: 1 },
  } as ContainerSpec['image'],
  revision: 'r',
  argv: ['nginx', '-g', 'daemon off;'],
  env: { 'A:B': 'c\nd' },
  workingDir: '/',
  user: '',
  groups: ['video'],
  hostname: 'web-0',
  mounts: [{ volume: 'site.sent-aaaaaaaaaaaa', path: '/site', readOnly: true }],
  tmpfs: [{ path: '/tmp', sizeMiB: 1, mode: 0o1777 }],
  shmMiB: 64,
  files: [{ path: '/etc/site.conf', content: Buffer.from('on'), mode: 0o444, writable: true }],
  cpuMilli: 100,
  memoryMiB: 64,
  maxProcesses: 100,
  gpus: 0,
  leaseDiskMiB: 100,
  ulimits: { nofile: { soft: 1, hard: 2 }, memlock: { soft: -1, hard: -1 } },
  readOnlyRoot: false,
  capabilities: ['CHOWN'],
  sysctls: { 'net.core.somaxconn': '1024' },
  init: true,
  stopSignal: 'SIGTERM',
}

let started: { spec: ContainerSpec; task: string; files: string[] }[] = []
const engine = {
  startIn: async (taken: ContainerSpec, task: string) => {
    const files = taken.files.map(({ content }) =>
      Buffer.isBuffer(content) ? content.toString() : readFileSync(content.file, 'utf8'),
    )
    started.push({ spec: taken, task, files })
  },
  connect: async () => {
    throw new Error('connected')
  },
} as unknown as NodeEngine
beforeEach(() => {
  started = []
})

/** A manager's end of a stream whose other end a node serves. */
function toNode(): Duplex {
  const [manager, node] = duplexPair()
  void serveCall(engine, node)
  return manager
}

const client = () => new NodeClient(async () => toNode())

describe('a node', () => {
  it('starts what a tenant may have, with its files', async () => {
    const path = join(folder, 'large')
    writeFileSync(path, 'large')
    const files = [...spec.files, { path: '/etc/large', content: { file: path }, mode: 0o400 }]
    await client().startIn({ ...spec, files }, TASK)
    expect(started).toEqual([
      { spec: { ...spec, files: [spec.files[0], expect.anything()] }, task: TASK, files: ['on', 'large'] },
    ])
  })

  it('is told to keep nothing of what a container prints', async () => {
    await client().startIn({ ...spec, logs: false }, TASK)
    expect(started).toMatchObject([{ spec: { logs: false } }])
  })

  it.each<[string, Partial<Record<keyof ContainerSpec, unknown>>, string?]>([
    ["a folder of the node's", { agentFolder: '/' }],
    ["the node's devices", { gpus: 1 }],
    ['rights over the node', { capabilities: ['SYS_ADMIN'] }],
    ["settings of the node's kernel", { sysctls: { 'kernel.core_pattern': '|/x' } }],
    ['a name that leads elsewhere', { name: '../../x' }],
    ['a volume that leads elsewhere', { mounts: [{ volume: '../x', path: '/x', readOnly: false }] }],
    ['a bind in a path', { mounts: [{ volume: 'x', path: '/x:/y', readOnly: false }] }],
    ['a file over two', { files: [{ path: '/x:rw', content: Buffer.alloc(0), mode: 0 }] }],
    ["a file of the node's", { files: [{ path: '/x', content: { file: '/etc/shadow' }, mode: 0o444 }] }],
    ['what is not known', { privileged: true } as never],
    ['the network of the node', {}, 'host'],
  ])('refuses a manager that asks for %s', async (_, more, task = TASK) => {
    const stream = toNode()
    await writeJson(stream, FRAME.call, { method: 'startIn', args: [{ ...spec, ...more }, task, 0] })
    const frame = await readFrame(stream)
    expect([frame?.kind, String(frame?.body)]).toEqual([
      FRAME.failed,
      expect.stringMatching('The request is wrong at'),
    ])
    expect(started).toEqual([])
  })

  it('refuses methods that are none, and arguments of others', async () => {
    for (const call of [
      { method: 'constructor', args: [] },
      { method: 'close', args: [] },
      { method: 'destroy', args: ['../x'] },
      { method: 'connect', args: [LEASE, 'web-0', 0] },
      { method: 'leases' },
      null,
    ]) {
      const stream = toNode()
      await writeJson(stream, FRAME.call, call)
      expect([call, (await readFrame(stream))?.kind]).toEqual([call, FRAME.failed])
    }
  })

  it('takes no link for a file: what it leads to is the node’s own', async () => {
    const secret = join(folder, 'secret')
    writeFileSync(secret, 'key')
    for (const [target, name] of [
      [secret, 'absolute'],
      ['../secret', 'relative'],
    ] as const) {
      symlinkSync(target, join(folder, name))
      const stream = toNode()
      const files = [{ path: '/x', content: { file: { attached: 0 } }, mode: 0o444 }]
      await writeJson(stream, FRAME.call, { method: 'startIn', args: [{ ...spec, files }, TASK, 1] })
      await writeData(stream, create({ cwd: folder, preservePaths: true }, [name]) as AsyncIterable<Buffer>)
      expect((await readFrame(stream))?.kind).toBe(FRAME.failed)
    }
    expect(started).toEqual([])
  })
})

describe('a manager', () => {
  /** A client of a node that answers any call with one frame. */
  const ofLiar = (kind: number, value: unknown) =>
    new NodeClient(async () => {
      const [manager, node] = duplexPair()
      void readFrame(node, 1 << 26).then(() => writeJson(node, kind as never, value))
      return manager
    })

  it.each<[string, (node: NodeEngine) => Promise<unknown>, unknown]>([
    ['bytes that are no number', (node) => node.traffic(LEASE), { received: 'NaN', sent: 1 }],
    ['fewer than no bytes', (node) => node.diskUsage(LEASE), -1],
    ['names that lead elsewhere', (node) => node.volumes(LEASE), ['../../etc']],
    ['an id that is no id', (node) => node.facts(), { node: { toString: 1 }, canEncrypt: true }],
    ['containers without a name', (node) => node.containers(LEASE), [{ running: true }]],
    ['an exit that is none', (node) => node.wait(LEASE, 'web-0', new AbortController().signal), null],
    ['something for nothing', (node) => node.startIn(spec, TASK), { toJSON: 1 }],
  ])('does not take %s from a node', async (_, ask, value) => {
    await expect(ask(ofLiar(FRAME.done, value))).rejects.toMatchObject({ code: 'bad-answer' })
  })

  it('does not take lines that are none', async () => {
    const options = { tail: 1, follow: false, signal: new AbortController().signal }
    const lines = ofLiar(FRAME.note, { time: 1, stream: 'stdout', text: { $bytes: '' } })
    const read = async () => {
      for await (const _ of lines.logs(LEASE, 'web-0', options));
    }
    await expect(read()).rejects.toMatchObject({ code: 'bad-answer' })
  })
})
