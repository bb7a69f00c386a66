import { type ChildProcess, spawn } from 'node:child_process'
import { Socket as DatagramSocket } from 'node:dgram'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { CloisterError } from '@cloister/core/errors'
import { SEARCH_PATH } from './run.ts'

/** Makes the system calls that Node doesn't offer; its head says which. */
export const KERNEL_PROGRAM = fileURLToPath(new URL('kernel.pl', import.meta.url))

/**
 * Connects to ports of other networks. One process for all leases makes each socket where it belongs and
 * hands it over: nothing stands between us and the service, and nothing of a lease's listens here.
 */
export class Dialler {
  private child: ChildProcess | undefined
  private sequence = 0
  private readonly waiting = new Map<
    string,
    { resolve: (socket: Socket | DatagramSocket) => void; reject: (error: Error) => void }
  >()

  /** A UDP socket of the network that process `pid` is in, bound to no port yet. Throws `not-running`. */
  datagramSocket(pid: number): Promise<DatagramSocket> {
    return this.ask(`${pid} 0 udp`) as Promise<DatagramSocket>
  }

  /** A connection to 127.0.0.1 in the network that process `pid` is in. Throws `not-running`. */
  async connect(pid: number, port: number): Promise<Socket> {
    const socket = (await this.ask(`${pid} ${port}`)) as Socket
    return socket.setNoDelay(true)
  }

  close(): void {
    this.child?.removeAllListeners()
    if (this.child?.connected) this.child.disconnect()
    this.child = undefined
    for (const sequence of this.waiting.keys()) this.settle(sequence, 'closed')
  }

  private ask(what: string): Promise<Socket | DatagramSocket> {
    return new Promise((resolve, reject) => {
      const sequence = String(++this.sequence)
      this.waiting.set(sequence, { resolve, reject })
      const child = this.running()
      // While somebody waits for an answer there is something to do.
      child.channel?.ref()
      child.send(`${sequence} ${what}`, (error) => {
        if (error) this.settle(sequence, error.message)
      })
    })
  }

  private running(): ChildProcess {
    if (this.child) return this.child
    const child = spawn('perl', [KERNEL_PROGRAM, 'dial'], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { PATH: SEARCH_PATH },
    })
    child.on('message', (message, handle) => {
      const [sequence = '', ...why] = String(message).split(' ')
      this.settle(
        sequence,
        handle instanceof Socket || handle instanceof DatagramSocket ? handle : why.join(' '),
      )
    })
    const ended = () => {
      if (this.child !== child) return
      this.child = undefined
      for (const sequence of this.waiting.keys()) this.settle(sequence, 'what connects has ended')
    }
    child.on('error', ended).on('exit', ended).on('disconnect', ended)
    // An open line to it is no reason for us to go on.
    child.unref()
    child.channel?.unref()
    this.child = child
    return child
  }

  private settle(sequence: string, outcome: Socket | DatagramSocket | string): void {
    const waiting = this.waiting.get(sequence)
    this.waiting.delete(sequence)
    if (this.waiting.size === 0) this.child?.channel?.unref()
    if (!waiting) {
      if (outcome instanceof Socket) outcome.destroy()
      else if (typeof outcome !== 'string') outcome.close()
    } else if (typeof outcome !== 'string') waiting.resolve(outcome)
    else
      waiting.reject(
        new CloisterError('not-running', `The container does not take the connection (${outcome}).`),
      )
  }
}
