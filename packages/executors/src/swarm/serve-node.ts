import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Duplex, Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { CloisterError, messageOf, toProblem } from '@cloister/core'
import type { ContainerSpec, ExecOptions } from '../executor.ts'
import { reattach, receiveAll } from './attachments.ts'
import { checkCall } from './call-shapes.ts'
import {
  decode,
  FRAME,
  giveBack,
  MAX_CALL_BYTES,
  readData,
  readFrame,
  writeData,
  writeFrame,
  writeJson,
} from './frames.ts'
import type { NodeEngine } from './node-engine.ts'

/** Methods that take values and give one. */
export const PLAIN = [
  'facts',
  'hasImage',
  'leases',
  'restart',
  'stop',
  'remove',
  'removeIn',
  'keepVolumes',
  'volumes',
  'containers',
  'usage',
  'traffic',
  'diskUsage',
  'halt',
  'destroy',
] as const

/** What is asked for over a stream. */
export interface Call {
  method: string
  args: unknown[]
}

/**
 * Does one call that comes over a stream: the manager's, which was found to be who it is before. It is given
 * what tenants may have, and nothing of this machine's: a manager that was broken into is no user here.
 */
export async function serveCall(engine: NodeEngine, stream: Duplex): Promise<void> {
  stream.on('error', () => stream.destroy())
  try {
    const frame = await readFrame(stream, MAX_CALL_BYTES)
    if (frame?.kind !== FRAME.call) return void stream.destroy()
    const { method, args } = checkCall(decode(frame.body))
    await dispatch(engine, stream, method, args)
  } catch (error) {
    const told = error instanceof CloisterError ? error : failed(error)
    await writeJson(stream, FRAME.failed, toProblem(told)).catch(() => {})
  }
  stream.end()
}

async function dispatch(engine: NodeEngine, stream: Duplex, method: string, args: unknown[]): Promise<void> {
  const plain = PLAIN.find((one) => one === method)
  if (plain !== undefined) {
    const call = engine[plain] as (...given: unknown[]) => Promise<unknown>
    return writeJson(stream, FRAME.done, await call.apply(engine, args))
  }
  const special = Object.hasOwn(SPECIAL, method) ? SPECIAL[method as keyof typeof SPECIAL] : undefined
  if (!special) throw new CloisterError('bad-request', `A node does nothing called ${method}.`)
  await special(engine, stream, args as never)
}

/** Aborted when the other side hangs up. */
function hangUp(stream: Duplex): AbortSignal {
  const gone = new AbortController()
  stream.once('close', () => gone.abort())
  return gone.signal
}

const SPECIAL = {
  startIn: async (
    engine: NodeEngine,
    stream: Duplex,
    [spec, task, count]: [ContainerSpec, string, number],
  ) => {
    const folder = await mkdtemp(join(tmpdir(), 'cloister-node-'))
    try {
      const paths = await receiveAll(count, stream, folder)
      await engine.startIn(reattach(spec, paths), task)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
    await writeJson(stream, FRAME.done, null)
  },
  importImage: async (engine: NodeEngine, stream: Duplex) => {
    await engine.importImage(Readable.from(readData(stream)))
    await writeJson(stream, FRAME.done, null)
  },
  readVolume: async (
    engine: NodeEngine,
    stream: Duplex,
    [lease, volume, known]: [string, string, Buffer],
  ) => {
    let sending: Promise<void> = Promise.resolve()
    await engine.readVolume(lease, volume, {
      known,
      output: (frames) => void (sending = writeData(stream, frames)),
      signal: hangUp(stream),
    })
    await sending
    await writeJson(stream, FRAME.done, null)
  },
  wait: async (engine: NodeEngine, stream: Duplex, [lease, name]: [string, string]) => {
    await writeJson(stream, FRAME.done, await engine.wait(lease, name, hangUp(stream)))
  },
  logs: async (
    engine: NodeEngine,
    stream: Duplex,
    [lease, name, options]: [string, string, { tail: number | null; follow: boolean }],
  ) => {
    const tail = options.tail ?? Number.POSITIVE_INFINITY
    for await (const line of engine.logs(lease, name, { ...options, tail, signal: hangUp(stream) }))
      await writeJson(stream, FRAME.note, line)
    await writeJson(stream, FRAME.done, null)
  },
  exec: async (engine: NodeEngine, stream: Duplex, [lease, name, options]: [string, string, ExecOptions]) => {
    const session = await engine.exec(lease, name, options)
    stream.once('close', () => session.kill())
    await writeJson(stream, FRAME.note, 'started')
    const typed = async () => {
      for (;;) {
        const frame = await readFrame(stream)
        if (frame === undefined || frame.kind === FRAME.end) return void session.stdin.end()
        if (frame.kind === FRAME.data && !session.stdin.write(frame.body))
          await new Promise((resolve) => session.stdin.once('drain', resolve).once('close', resolve))
        else if (frame.kind === FRAME.note) {
          const [columns, rows] = decode(frame.body) as [number, number]
          void session.resize(columns, rows)
        }
      }
    }
    typed().catch(() => session.kill())
    const [code] = await Promise.all([
      session.exit,
      sendAs(stream, session.stdout, FRAME.data),
      sendAs(stream, session.stderr, FRAME.other),
    ])
    await writeJson(stream, FRAME.done, code)
  },
  connect: async (engine: NodeEngine, stream: Duplex, [lease, name, port]: [string, string, number]) => {
    const socket = await engine.connect(lease, name, port)
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    await writeJson(stream, FRAME.done, null)
    // From here on it is the connection's own bytes.
    giveBack(stream)
    socket.on('error', () => stream.destroy())
    stream.once('close', () => socket.destroy())
    stream.pipe(socket)
    socket.pipe(stream)
    await new Promise((resolve) => socket.once('close', resolve))
    // What comes yet has nowhere to go, and its end has to be seen.
    stream.unpipe(socket).resume()
  },
  datagrams: async (engine: NodeEngine, stream: Duplex, [lease, name, port]: [string, string, number]) => {
    const flow = await engine.datagrams(lease, name, port, (datagram) => {
      // One that the other side can't take now is lost, as on any line.
      if (!stream.writableNeedDrain) void writeFrame(stream, FRAME.data, datagram).catch(() => {})
    })
    try {
      await writeJson(stream, FRAME.note, 'open')
      for (;;) {
        const frame = await readFrame(stream)
        if (frame?.kind !== FRAME.data) return
        flow.send(frame.body)
      }
    } finally {
      flow.close()
    }
  },
}

async function sendAs(
  stream: Duplex,
  from: Readable,
  kind: typeof FRAME.data | typeof FRAME.other,
): Promise<void> {
  for await (const chunk of from) await writeFrame(stream, kind, chunk as Buffer)
  if (!from.readableEnded) await finished(from).catch(() => {})
}

/** Whoever asks manages this node, and may know. */
function failed(cause: unknown): CloisterError {
  return new CloisterError('engine-failed', `The node's engine says: ${messageOf(cause)}.`, { cause })
}
