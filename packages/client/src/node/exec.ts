import { CloisterError, EXEC_CHANNEL, fromProblem } from '@cloister/core'
import type { Hex } from 'viem'
import { WebSocket } from 'ws'
import type { WorkerClient } from '../worker/client.ts'

/** What to run in a lease, and where its input and output go. */
export interface ExecParameters {
  lease: Hex
  /** Service or container; the first that runs if not given. */
  container?: string | undefined
  argv: string[]
  terminal?: { columns: number; rows: number } | undefined
  stdin: NodeJS.ReadableStream | undefined
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream
  /** Given a function that tells the command's terminal its new size. */
  onResizable?: (resize: (columns: number, rows: number) => void) => void
  signal?: AbortSignal
}

const MAX_WAITING_BYTES = 1024 * 1024
const OPEN_MS = 15_000

/**
 * Runs a command in a lease to its end; resolves with its exit code. Slow readers and writers slow each
 * other down. Throws `unreachable`, and what the worker's problem document says.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 * import { exec } from '@cloister/sdk/node'
 *
 * const { lease } = await leases.findLease(cloister, 'my-app')
 * const { asTenant } = await leases.openSession(cloister, lease)
 * const { stdin, stdout, stderr } = process
 * const code = await exec(asTenant, { lease, argv: ['ls', '/'], stdin, stdout, stderr })
 * ```
 */
export async function exec(client: WorkerClient, parameters: ExecParameters): Promise<number> {
  const { lease, container, argv, terminal, stdin, stdout, stderr } = parameters
  const query = new URLSearchParams(argv.map((word): [string, string] => ['arg', word]))
  if (container !== undefined) query.set('container', container)
  if (terminal) query.set('terminal', `${terminal.columns}x${terminal.rows}`)
  const path = `/v1/leases/${lease}/exec?${query}`
  const socket = new WebSocket(client.endpoint.replace(/^https?/, 'ws') + path, {
    headers: await client.sign('GET', path),
    handshakeTimeout: OPEN_MS,
    maxPayload: 16 * MAX_WAITING_BYTES,
    // The agent opens the connection itself, over TLS to the attested key alone, before a word is said.
    ...{ agent: client.connection.agent, target: client.endpoint },
  })
  const send = (channel: number, payload: Buffer) => {
    if (socket.readyState === WebSocket.OPEN)
      socket.send(
        Buffer.concat([Buffer.of(channel), payload]),
        () => socket.bufferedAmount < MAX_WAITING_BYTES && stdin?.resume(),
      )
    if (socket.bufferedAmount >= MAX_WAITING_BYTES) stdin?.pause()
  }
  const onInput = (chunk: Buffer | string) => send(EXEC_CHANNEL.stdin, Buffer.from(chunk))
  const onInputEnd = () => send(EXEC_CHANNEL.endOfInput, Buffer.alloc(0))
  let code: number | undefined
  return new Promise<number>((resolve, reject) => {
    parameters.signal?.addEventListener('abort', () => socket.terminate())
    socket.once('open', () => {
      stdin?.on('data', onInput)
      stdin?.on('end', onInputEnd)
      if (!stdin) onInputEnd()
      parameters.onResizable?.((columns, rows) => {
        const size = Buffer.alloc(4)
        size.writeUInt16BE(columns, 0)
        size.writeUInt16BE(rows, 2)
        send(EXEC_CHANNEL.resize, size)
      })
    })
    socket.on('message', (data: Buffer) => {
      const payload = data.subarray(1)
      if (data[0] === EXEC_CHANNEL.exit && payload.length === 4) {
        code = payload.readInt32BE(0)
        socket.close(1000)
      }
      const output =
        data[0] === EXEC_CHANNEL.stdout ? stdout : data[0] === EXEC_CHANNEL.stderr ? stderr : undefined
      if (!output || output.write(payload)) return
      socket.pause()
      output.once('drain', () => socket.resume())
    })
    socket.once('unexpected-response', (_, response) => {
      let text = ''
      response.on('data', (chunk) => (text = (text + chunk).slice(0, 10_000)))
      response.on('end', () => reject(fromProblem(response.statusCode ?? 0, text, 'The worker')))
    })
    socket.once('error', (cause) =>
      reject(new CloisterError('unreachable', 'The worker can not be reached for the command.', { cause })),
    )
    socket.once('close', () => {
      stdin?.off('data', onInput)
      stdin?.off('end', onInputEnd)
      stdin?.pause()
      if (code !== undefined) resolve(code)
      else
        reject(
          new CloisterError(
            'unreachable',
            'The command was cut off: the container ended, or the worker went away.',
          ),
        )
    })
  })
}
