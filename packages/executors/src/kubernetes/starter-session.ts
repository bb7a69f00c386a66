import { CloisterError } from '@cloister/core'
import type { ExecSession } from '../executor.ts'
import { openCommand } from './channels.ts'
import type { Cluster } from './cluster.ts'
import { STARTER_PATH } from './names.ts'
import { Order } from './order.ts'

type Session = Pick<ExecSession, 'stdin' | 'stdout' | 'exit' | 'kill'>

/** A starter that does one order after another, and says what it was asked. */
export class StarterSession {
  private readonly session: Session
  private readonly output: AsyncIterator<Buffer>
  private held: Buffer = Buffer.alloc(0)
  private failure: CloisterError | undefined
  private giveUp: ((failure: CloisterError) => void) | undefined

  constructor(session: Session) {
    this.session = session
    this.output = session.stdout[Symbol.asyncIterator]()
    session.stdin.on('error', () => {})
    void session.exit.then((code) => {
      const message = `What works on the volume there has ended (${code}).`
      this.failure = new CloisterError('engine-failed', message)
      this.giveUp?.(this.failure)
    })
  }

  /** Begins one in a running container of a pod. */
  static async open(cluster: Cluster, place: { pod: string; container: string }): Promise<StarterSession> {
    const session = await openCommand(cluster, { ...place, command: [STARTER_PATH], isFramed: false })
    session.stderr.resume()
    return new StarterSession(session)
  }

  /** Sends an order; waits until there is room for the next, not until it is done. One at a time. */
  async tell(order: Order): Promise<void> {
    if (this.failure) throw this.failure
    await new Promise<void>((resolve, reject) => {
      this.giveUp = reject
      this.session.stdin.write(order.bytes(), (error) => (error ? reject(error) : resolve()))
    })
  }

  /** The next bytes of what it says. Throws `engine-failed` where it ends before. */
  async take(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = []
    for (let left = bytes; left > 0; ) {
      if (this.held.length === 0) {
        const { value, done } = await this.output.next()
        if (done) throw await this.end().then(() => this.failure ?? new Error('it says nothing more'))
        this.held = value as Buffer
      }
      const part = this.held.subarray(0, left)
      this.held = this.held.subarray(part.length)
      left -= part.length
      parts.push(part)
    }
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
  }

  /** The next result: a number, or below 0 that of an error. */
  async result(): Promise<number> {
    return Number((await this.take(8)).readBigInt64LE())
  }

  /** The bytes behind the next result; undefined for an error. */
  async content(): Promise<Buffer | undefined> {
    const length = await this.result()
    return length < 0 ? undefined : this.take(length)
  }

  /** Has it end. What it said and nobody took is lost. */
  async end(): Promise<void> {
    await this.tell(new Order().exit(0)).catch(() => {})
    this.session.stdout.destroy()
    this.session.kill()
  }
}
