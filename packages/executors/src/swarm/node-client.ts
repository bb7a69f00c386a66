import { type Duplex, PassThrough, type Readable } from 'node:stream'
import { CloisterError, fromProblem } from '@cloister/core'
import type * as z from 'zod'
import type {
  ContainerSpec,
  DatagramFlow,
  ExecOptions,
  ExecSession,
  Exit,
  Image,
  LogLine,
  LogOptions,
  Traffic,
  Usage,
} from '../executor.ts'
import type { ReadVolumeOptions } from '../volumes/read.ts'
import {
  ANSWERS,
  checkAnswer,
  EXIT,
  EXIT_CODE,
  LOG_LINE,
  MOST_DATAGRAM_BYTES,
  MOST_LINE_BYTES,
  NOTHING,
} from './answer-shapes.ts'
import { detach, sendAll } from './attachments.ts'
import { FRAME, type Frame, giveBack, readFrame, writeData, writeFrame, writeJson } from './frames.ts'
import type { NodeContainer, NodeEngine, NodeFacts } from './node-engine.ts'
import type { Call, PLAIN } from './serve-node.ts'

/** An engine on another machine, called over streams that `open` opens. */
export class NodeClient implements NodeEngine {
  private readonly open: () => Promise<Duplex>
  private readonly leave: () => void

  /** `open` rejects where the node can't be reached, or isn't who it should be. */
  constructor(open: () => Promise<Duplex>, leave: () => void = () => {}) {
    this.open = open
    this.leave = leave
  }

  async facts(): Promise<NodeFacts> {
    return { node: undefined, ...(await this.ask('facts')) }
  }

  hasImage(image: Image): Promise<boolean> {
    return this.ask('hasImage', image)
  }

  leases(): Promise<string[]> {
    return this.ask('leases')
  }

  async restart(lease: string, name: string): Promise<void> {
    await this.ask('restart', lease, name)
  }

  async stop(lease: string, name: string, graceMs: number): Promise<void> {
    await this.ask('stop', lease, name, graceMs)
  }

  async remove(lease: string, name: string): Promise<void> {
    await this.ask('remove', lease, name)
  }

  async removeIn(lease: string, task: string): Promise<void> {
    await this.ask('removeIn', lease, task)
  }

  async keepVolumes(lease: string, names: readonly string[]): Promise<void> {
    await this.ask('keepVolumes', lease, names)
  }

  volumes(lease: string): Promise<string[]> {
    return this.ask('volumes', lease)
  }

  async containers(lease: string): Promise<NodeContainer[]> {
    const found = await this.ask('containers', lease)
    return found.map((one) => ({ exit: undefined, ...one }))
  }

  usage(lease: string, name: string): Promise<Usage> {
    return this.ask('usage', lease, name)
  }

  async traffic(lease: string): Promise<Traffic | undefined> {
    return (await this.ask('traffic', lease)) ?? undefined
  }

  diskUsage(lease: string): Promise<number> {
    return this.ask('diskUsage', lease)
  }

  async halt(lease: string): Promise<void> {
    await this.ask('halt', lease)
  }

  async destroy(lease: string): Promise<void> {
    await this.ask('destroy', lease)
  }

  async startIn(spec: ContainerSpec, task: string): Promise<void> {
    const { spec: detached, paths } = detach(spec)
    const stream = await this.begin('startIn', detached, task, paths.length)
    const sent = sendAll(paths, stream).catch((cause) => {
      throw stream.destroyed ? lost(cause) : cause
    })
    await Promise.all([sent, answer(stream, NOTHING)])
  }

  async importImage(archive: Readable): Promise<void> {
    const stream = await this.begin('importImage')
    const sent = writeData(stream, archive).catch((cause) => {
      throw stream.destroyed ? lost(cause) : cause
    })
    await Promise.all([sent, answer(stream, NOTHING)])
  }

  async readVolume(
    lease: string,
    volume: string,
    { known, output, signal }: ReadVolumeOptions,
  ): Promise<void> {
    const stream = await this.begin('readVolume', lease, volume, known)
    const frames = new PassThrough()
    output(frames)
    await over(stream, signal, async () => {
      for (;;) {
        const frame = await next(stream)
        if (frame.kind === FRAME.done) return
        if (frame.kind === FRAME.end) frames.end()
        else if (frame.kind === FRAME.data && !frames.write(frame.body))
          await new Promise((resolve) => frames.once('drain', resolve).once('close', resolve))
      }
    }).finally(() => frames.end())
  }

  async wait(lease: string, name: string, signal: AbortSignal): Promise<Exit> {
    const stream = await this.begin('wait', lease, name)
    return over(stream, signal, () => answer(stream, EXIT))
  }

  async *logs(lease: string, name: string, { tail, follow, signal }: LogOptions): AsyncGenerator<LogLine> {
    const most = Number.isFinite(tail) ? tail : null
    const stream = await this.begin('logs', lease, name, { tail: most, follow })
    const stop = () => stream.destroy()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    try {
      for (;;) {
        const frame = await next(stream, MOST_LINE_BYTES)
        if (frame.kind === FRAME.done) return
        yield checkAnswer(LOG_LINE, frame.body)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      signal.removeEventListener('abort', stop)
      stop()
    }
  }

  async exec(lease: string, name: string, options: ExecOptions): Promise<ExecSession> {
    const stream = await this.begin('exec', lease, name, options)
    await next(stream)
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
    writeData(stream, stdin).catch(() => stream.destroy())
    // Whoever has hung up wants nothing more.
    stdin.once('close', () => !stdin.readableEnded && stream.destroy())
    const exit = (async () => {
      try {
        for (;;) {
          const frame = await next(stream)
          if (frame.kind === FRAME.done) return checkAnswer(EXIT_CODE, frame.body)
          const to = frame.kind === FRAME.other ? stderr : stdout
          if (!to.write(frame.body))
            await new Promise((resolve) => to.once('drain', resolve).once('close', resolve))
        }
      } catch {
        return 255
      } finally {
        stdout.end()
        stderr.end()
        stream.destroy()
      }
    })()
    const resize = (columns: number, rows: number) =>
      writeJson(stream, FRAME.note, [columns, rows]).catch(() => {})
    return { stdin, stdout, stderr, exit, resize, kill: () => stream.destroy() }
  }

  async connect(lease: string, name: string, port: number): Promise<Duplex> {
    const stream = await this.begin('connect', lease, name, port)
    await next(stream)
    giveBack(stream)
    return stream
  }

  async datagrams(
    lease: string,
    name: string,
    port: number,
    receive: (datagram: Buffer) => void,
  ): Promise<DatagramFlow> {
    const stream = await this.begin('datagrams', lease, name, port)
    await next(stream)
    const receiving = async () => {
      for (;;) receive((await next(stream, MOST_DATAGRAM_BYTES)).body)
    }
    receiving().catch(() => stream.destroy())
    return {
      send: (datagram) => {
        if (!stream.destroyed && !stream.writableNeedDrain)
          void writeFrame(stream, FRAME.data, datagram).catch(() => {})
      },
      close: () => stream.destroy(),
    }
  }

  async close(): Promise<void> {
    this.leave()
  }

  private async ask<M extends (typeof PLAIN)[number]>(
    method: M,
    ...args: unknown[]
  ): Promise<z.infer<(typeof ANSWERS)[M]>> {
    const schema: z.ZodType = ANSWERS[method]
    // TypeScript doesn't see that the schema is that of the method.
    return (await answer(await this.begin(method, ...args), schema)) as z.infer<(typeof ANSWERS)[M]>
  }

  private async begin(method: string, ...args: unknown[]): Promise<Duplex> {
    const stream = await this.open()
    stream.on('error', () => {})
    await writeJson(stream, FRAME.call, { method, args } satisfies Call).catch((cause) => {
      throw lost(cause)
    })
    return stream
  }
}

/** The value that a call gives, of a machine that may have been broken into. */
async function answer<T extends z.ZodType>(stream: Duplex, schema: T): Promise<z.infer<T>> {
  try {
    const frame = await next(stream)
    return checkAnswer(schema, frame.body)
  } finally {
    stream.destroy()
  }
}

/** The next frame. Throws what the node says went wrong, and `unreachable` where it says nothing any more. */
async function next(stream: Duplex, mostBytes?: number): Promise<Frame> {
  const frame = await readFrame(stream, mostBytes).catch((cause) => {
    throw lost(cause)
  })
  if (!frame) throw lost(undefined)
  if (frame.kind !== FRAME.failed) return frame
  throw fromProblem(500, frame.body.toString('utf8'), 'The node')
}

function lost(cause: unknown): CloisterError {
  return new CloisterError('unreachable', 'The node does not answer any more.', { cause })
}

/** Does something with a stream until a signal; then the stream is over, and the signal's reason thrown. */
async function over<T>(stream: Duplex, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  const stop = () => stream.destroy()
  signal?.addEventListener('abort', stop, { once: true })
  if (signal?.aborted) stop()
  try {
    return await work()
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
    stop()
  }
}
