import { PassThrough, type Readable, Writable } from 'node:stream'
import type { ExecSession } from '../executor.ts'
import type { ApiStatus } from './api-types.ts'
import type { Channels, Cluster } from './cluster.ts'
import { frame } from './order.ts'

const [STDIN, STDOUT, STDERR, STATUS, RESIZE] = [0, 1, 2, 3, 4]
/** Bytes that wait to go before more are taken, and how often that is looked at. */
const MOST_WAITING = 1024 * 1024
const LOOK_MS = 20
/** Bytes of a command's output that wait for whoever reads it. */
const MOST_UNREAD = 4 * 1024 * 1024
const PIECE_BYTES = 64 * 1024
/** A command that nothing is known of any more. */
const UNKNOWN = 255
const MOST_STATUS = 64 * 1024

/** Where and how a command is run. */
export interface CommandPlace {
  /** Path of the pod. */
  pod: string
  container: string
  command: readonly string[]
  /** What its program reads first. */
  order?: Buffer | undefined
  terminal?: { columns: number; rows: number } | undefined
  /** What comes after its order on standard input is in frames; if not given, but for a terminal. */
  isFramed?: boolean
}

/** Runs a command in a pod. */
export async function openCommand(cluster: Cluster, place: CommandPlace): Promise<ExecSession> {
  const { pod, container, command, order, terminal, isFramed = terminal === undefined } = place
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  let code: number | undefined
  let status = ''
  let channels: Channels | undefined
  const take = (channel: number, bytes: Buffer) => {
    if (channel === STATUS && status.length < MOST_STATUS) {
      status += bytes.toString('utf8')
      code = exitCodeOf(status) ?? code
    }
    const out = channel === STDOUT ? stdout : channel === STDERR ? stderr : undefined
    if (!out || out.writableEnded || bytes.length === 0) return
    if (out.write(bytes) || out.writableLength < MOST_UNREAD) return
    channels?.pause()
    out.once('drain', () => channels?.resume())
  }
  const query = {
    container,
    command,
    stdin: true,
    stdout: true,
    stderr: terminal === undefined,
    tty: terminal !== undefined,
  }
  const open = await cluster.connect(`${pod}/exec`, query, take)
  channels = open
  if (order) for (const piece of piecesOf(order)) open.send(STDIN, piece)
  const exit = open.closed.then(() => {
    stdout.end()
    stderr.end()
    return code ?? UNKNOWN
  })
  const resize = async (columns: number, rows: number) =>
    open.send(RESIZE, Buffer.from(JSON.stringify({ Width: columns, Height: rows })))
  if (terminal) await resize(terminal.columns, terminal.rows)
  return {
    stdin: inputOf(open, isFramed),
    stdout,
    stderr,
    exit,
    resize,
    kill: () => open.close(),
  }
}

/** Gives the first process of a pod its orders. Resolves once they are sent. */
export async function sendOrders(
  cluster: Cluster,
  place: { pod: string; container: string },
  orders: AsyncIterable<Buffer>,
): Promise<void> {
  const query = { container: place.container, stdin: true, stdout: true, stderr: true, tty: false }
  const open = await cluster.connect(`${place.pod}/attach`, query, () => {})
  let isOpen = true
  void open.closed.then(() => {
    isOpen = false
  })
  try {
    for await (const order of orders)
      for (const piece of piecesOf(order)) {
        open.send(STDIN, piece)
        await untilSent(open, () => isOpen)
      }
    // It ends by itself, having done what the last order says.
    await Promise.race([open.closed, new Promise((resolve) => setTimeout(resolve, 5_000).unref())])
  } finally {
    open.close()
  }
}

/** Output and exit code of a command that takes nothing but its order. */
export async function outputOf(
  cluster: Cluster,
  place: CommandPlace,
): Promise<{ code: number; output: string }> {
  const session = await openCommand(cluster, place)
  const output = textOf(session.stdout)
  session.stderr.resume()
  return { code: await session.exit, output: await output }
}

function inputOf(channels: Channels, framed: boolean): Writable {
  const send = (bytes: Buffer) => channels.send(STDIN, framed ? frame(bytes) : bytes)
  return new Writable({
    write(chunk: Buffer, _, done) {
      for (const piece of piecesOf(chunk)) send(piece)
      untilSent(channels, () => true).then(() => done(), done)
    },
    final(done) {
      if (framed) send(Buffer.alloc(0))
      done()
    },
    destroy(error, done) {
      if (error || !framed) channels.close()
      done(error)
    },
  })
}

async function untilSent(channels: Channels, isOpen: () => boolean): Promise<void> {
  while (isOpen() && channels.buffered() > MOST_WAITING)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}

/**
 * The exit code in what the API server says at a command's end (core/v1 `Status`); undefined for no answer.
 */
export function exitCodeOf(text: string): number | undefined {
  let status: Partial<ApiStatus>
  try {
    status = JSON.parse(text) as ApiStatus
  } catch {
    return undefined
  }
  if (status?.status === 'Success') return 0
  const causes = Array.isArray(status?.details?.causes) ? status.details.causes : []
  const cause = causes.find((one) => one?.reason === 'ExitCode')?.message
  const code = Number(cause)
  return cause !== undefined && Number.isInteger(code) ? code & 0xff : UNKNOWN
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
