import { type ChildProcess, spawn } from 'node:child_process'
import {
  existsSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { CloisterError, messageOf } from '@cloister/core'
import { anvilPath } from '@cloister/development/chain'
import type { ChainKind } from './kind.ts'

const START_MS = 30_000

/** What an engine is started from. */
export interface EngineStart {
  /** Where it is noted while it runs. */
  folder: string
  kind: ChainKind
  /** Time of block 0, Unix seconds. */
  genesisTime: number
  /** Whether there is no block yet. */
  isNew: boolean
  /** File that `anvil --load-state` takes; from block 0 without one. */
  snapshot?: string | undefined
}

/** An answer's error as the engine gave it, to be passed on. */
export class RpcError extends Error {
  readonly code: number
  readonly data: unknown

  constructor({ code, message, data }: { code: number; message: string; data?: unknown }) {
    super(message)
    this.code = code
    this.data = data
  }
}

interface Answer {
  result?: unknown
  error?: { code: number; message: string; data?: unknown }
}

/** An anvil that makes a block only when told to. It holds the present state and forgets with its process. */
export class Engine {
  /** Resolves when its process has ended. */
  readonly ended: Promise<void>
  private readonly child: ChildProcess
  private readonly port: number
  private readonly connections = new Agent({ keepAlive: true, maxSockets: 32 })

  private constructor(child: ChildProcess, port: number, ended: Promise<void>) {
    this.child = child
    this.port = port
    this.ended = ended
  }

  /** Throws `chain-unreachable`. */
  static async start(start: EngineStart): Promise<Engine> {
    const { folder, kind, snapshot } = start
    const from = snapshot === undefined ? beginning(start) : ['--load-state', snapshot]
    const kept = ['--prune-history', String(kind.statesKept), '--transaction-block-keeper', '64']
    // First come, first in the block: so the same transactions make the same block again.
    const args = [
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      ...kind.arguments,
      '--no-mining',
      '--order',
      'fifo',
      '--no-request-size-limit',
      ...kept,
      ...from,
    ]
    const child = spawn(anvilPath(), args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder })
    const note = join(folder, `engine-${child.pid}.pid`)
    if (child.pid !== undefined) writeFileSync(note, '')
    const ended = new Promise<void>((resolve) =>
      child.once('close', () => {
        rmSync(note, { force: true })
        resolve()
      }),
    )
    const port = await new Promise<number>((resolve, reject) => {
      let said: string | undefined = ''
      const fail = () =>
        reject(
          new CloisterError(
            'chain-unreachable',
            `anvil does not start: ${said?.trim().slice(0, 500) || 'it says nothing'}`,
          ),
        )
      const timer = setTimeout(() => {
        child.kill('SIGKILL')
        fail()
      }, START_MS)
      child.once('error', fail)
      child.once('close', fail)
      const listen = (chunk: Buffer) => {
        if (said === undefined) return
        said = (said + chunk).slice(-4_000)
        const found = /Listening on [\d.]+:(\d+)/.exec(said)?.[1]
        if (found === undefined) return
        clearTimeout(timer)
        // What it says later is about each call, and nobody reads it.
        said = undefined
        resolve(Number(found))
      }
      child.stdout?.on('data', listen)
      child.stderr?.on('data', listen)
    })
    return new Engine(child, port, ended)
  }

  /** Ends engines of a process that was killed before it could do so itself. */
  static endLeftovers(folder: string): void {
    for (const name of readdirSync(folder)) {
      const pid = Number(/^engine-(\d+)\.pid$/.exec(name)?.[1])
      if (!pid) continue
      try {
        // The number may be another process's by now.
        if (readlinkSync(`/proc/${pid}/cwd`) === realpathSync(folder)) process.kill(pid, 'SIGKILL')
      } catch (error) {
        if (!/ENOENT|ESRCH|EACCES/.test(messageOf(error))) throw error
      }
      rmSync(join(folder, name), { force: true })
    }
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** Throws RpcError where the call is refused, `chain-unreachable` where nobody answers. */
  async rpc<T>(method: string, ...params: unknown[]): Promise<T> {
    const { result, error } = await this.post({ jsonrpc: '2.0', id: 1, method, params })
    if (error) throw new RpcError(error)
    // What a method answers is its own business; callers say what they expect.
    return result as T
  }

  kill(): Promise<void> {
    this.child.kill('SIGKILL')
    this.connections.destroy()
    return this.ended
  }

  private post(body: unknown): Promise<Answer> {
    const text = JSON.stringify(body)
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) =>
        reject(
          new CloisterError('chain-unreachable', `The chain's engine does not answer: ${messageOf(cause)}.`, {
            cause,
          }),
        )
      const asked = request(
        { host: '127.0.0.1', port: this.port, method: 'POST', path: '/', headers, agent: this.connections },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.once('error', fail)
          response.once('end', () => {
            try {
              resolve(JSON.parse(Buffer.concat(chunks).toString()) as Answer)
            } catch (error) {
              fail(error)
            }
          })
        },
      )
      asked.once('error', fail)
      asked.end(text)
    })
  }
}

/**
 * How anvil is told of its first block. A chain that was begun keeps the one that it began with, whatever a
 * later version would begin with.
 */
function beginning({ folder, kind, genesisTime, isNew }: EngineStart): string[] {
  const file = join(folder, 'genesis.json')
  if (isNew && kind.genesis) {
    writeFileSync(`${file}.new`, kind.genesis(genesisTime))
    renameSync(`${file}.new`, file)
  }
  return existsSync(file) ? ['--init', file] : ['--timestamp', String(genesisTime)]
}
