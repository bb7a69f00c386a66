import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import type { DatagramFlow } from '@cloister/executors'

/** What goes back and forth between one address outside and a container. */
interface Passage {
  /** Datagrams that came before the container's side was open; then nothing more waits. */
  waiting: Buffer[] | undefined
  flow?: DatagramFlow
  /** The container has answered. */
  answered: boolean
  /** Unix milliseconds. */
  usedAt: number
}

/** Passages at one time, for all addresses outside. */
const MAX_PASSAGES = 1_024
/** As Linux does (nf_conntrack_udp_timeout, …_stream): one way, and both ways. */
const ONE_WAY_MS = 30_000
const BOTH_WAYS_MS = 120_000
const LOOK_MS = 5_000
const MAX_WAITING = 16

/**
 * Forwards a UDP port: each address that sends gets a flow of its own to a container, and what comes back by
 * it. Addresses can be forged, so an answered passage is never given up for one that nobody has answered
 * yet.
 */
export class DatagramForward {
  private readonly open: (receive: (datagram: Buffer) => void) => Promise<DatagramFlow | undefined>
  private readonly passages = new Map<string, Passage>()
  private readonly trouble: (error: Error) => void
  private socket: Socket | undefined
  private timer: NodeJS.Timeout | undefined

  /** `open` opens a flow to a container, or gives nothing where none is ready. */
  constructor(open: DatagramForward['open'], trouble: (error: Error) => void) {
    this.open = open
    this.trouble = trouble
  }

  /** Passages that are open. */
  get size(): number {
    return this.passages.size
  }

  /** Rejects where the port can't be had. */
  async listen(host: string, port: number): Promise<void> {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    socket.bind(port, host)
    await once(socket, 'listening')
    socket.on('error', this.trouble)
    socket.on('message', (datagram, from) => this.take(datagram, from))
    this.socket = socket
    this.timer = setInterval(() => this.sweep(Date.now()), LOOK_MS).unref()
  }

  close(): void {
    clearInterval(this.timer)
    this.socket?.close()
    this.socket = undefined
    for (const key of [...this.passages.keys()]) this.end(key)
  }

  /** Ends the passages that have been quiet for too long at `now`, in Unix milliseconds. */
  sweep(now: number): void {
    for (const [key, { usedAt, answered }] of this.passages)
      if (now - usedAt >= (answered ? BOTH_WAYS_MS : ONE_WAY_MS)) this.end(key)
  }

  private take(datagram: Buffer, from: RemoteInfo): void {
    const key = `${from.address} ${from.port}`
    const passage = this.passages.get(key) ?? this.begin(key, from)
    if (!passage) return
    passage.usedAt = Date.now()
    if (passage.flow) passage.flow.send(datagram)
    else if (passage.waiting && passage.waiting.length < MAX_WAITING) passage.waiting.push(datagram)
  }

  private begin(key: string, from: RemoteInfo): Passage | undefined {
    if (this.passages.size >= MAX_PASSAGES) {
      // The oldest comes first.
      const unanswered = [...this.passages].find(([, { answered }]) => !answered)
      if (!unanswered) return undefined
      this.end(unanswered[0])
    }
    const passage: Passage = { waiting: [], answered: false, usedAt: Date.now() }
    this.passages.set(key, passage)
    const receive = (datagram: Buffer) => {
      passage.answered = true
      passage.usedAt = Date.now()
      if (this.passages.get(key) === passage) this.socket?.send(datagram, from.port, from.address, () => {})
    }
    this.open(receive).then(
      (flow) => {
        if (!flow) return this.drop(key, passage)
        if (this.passages.get(key) !== passage) return flow.close()
        passage.flow = flow
        for (const datagram of passage.waiting ?? []) flow.send(datagram)
        passage.waiting = undefined
      },
      () => this.drop(key, passage),
    )
    return passage
  }

  private drop(key: string, passage: Passage): void {
    if (this.passages.get(key) === passage) this.passages.delete(key)
  }

  private end(key: string): void {
    this.passages.get(key)?.flow?.close()
    this.passages.delete(key)
  }
}
