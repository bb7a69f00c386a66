import { isIPv4, isIPv6, type Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { plainAddress } from './address.ts'

/**
 * How much one address may ask for. An IPv6 address counts with the others of its /64: one customer has that
 * many.
 */
export interface AddressLimitSettings {
  /** Requests a second, in the long run; `Infinity` for any number. */
  requestsPerSecond: number
  /** Requests at once. */
  burst: number
  /** Connections open at a time. */
  connectionsPerAddress: number
  /** Connections open at a time, of all addresses. */
  connections: number
}

/** Addresses remembered; each takes about 200 bytes. What is forgotten begins with a full bucket. */
const MAX_ADDRESSES = 65_536

interface Bucket {
  tokens: number
  /** Milliseconds, of a clock that never goes back. */
  filledAt: number
}

/**
 * Counts what addresses ask for: a bucket of tokens for each, and their open connections. Its tables are
 * bounded.
 */
export class AddressLimits {
  readonly settings: AddressLimitSettings
  private readonly buckets = new Map<string, Bucket>()
  private readonly open = new Map<string, number>()
  private total = 0

  constructor(settings: AddressLimitSettings) {
    this.settings = settings
  }

  /** Addresses that are remembered now. */
  get size(): number {
    return this.buckets.size
  }

  /**
   * Takes one request of an address; returns the seconds after which it may come again, 0 where it may now.
   */
  take(address: string | undefined, now = performance.now()): number {
    const { requestsPerSecond, burst } = this.settings
    if (requestsPerSecond === Number.POSITIVE_INFINITY) return 0
    const key = networkOf(address)
    const bucket = this.buckets.get(key) ?? { tokens: burst, filledAt: now }
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.filledAt) / 1000) * requestsPerSecond)
    bucket.filledAt = now
    const isThere = bucket.tokens >= 1
    if (isThere) bucket.tokens--
    // The map keeps the order of insertion, so the first is the one that was heard of longest ago.
    this.buckets.delete(key)
    if (this.buckets.size >= MAX_ADDRESSES) this.buckets.delete(this.buckets.keys().next().value as string)
    this.buckets.set(key, bucket)
    return isThere ? 0 : Math.max(1, Math.ceil((1 - bucket.tokens) / requestsPerSecond))
  }

  /** Gives back what was taken for a request that is counted again. */
  giveBack(address: string | undefined): void {
    const bucket = this.buckets.get(networkOf(address))
    if (bucket) bucket.tokens = Math.min(this.settings.burst, bucket.tokens + 1)
  }

  /**
   * Closes connections to `server` beyond what an address, and all of them, may have. Before any handshake.
   */
  guard(server: Server): void {
    server.on('connection', (socket) => this.admit(socket))
  }

  /** Counts a connection until it closes. Closes one too many, and returns false. */
  admit(socket: Duplex & { remoteAddress?: string | undefined }): boolean {
    const key = networkOf(socket.remoteAddress)
    const count = (this.open.get(key) ?? 0) + 1
    if (count > this.settings.connectionsPerAddress || this.total >= this.settings.connections) {
      socket.destroy()
      return false
    }
    this.open.set(key, count)
    this.total++
    socket.once('close', () => {
      this.total--
      const left = (this.open.get(key) ?? 1) - 1
      if (left === 0) this.open.delete(key)
      else this.open.set(key, left)
    })
    return true
  }
}

/** What an address is counted under: IPv4 as it is, also within IPv6; of IPv6 the first 64 bits. */
export function networkOf(address = ''): string {
  const plain = plainAddress(address)
  if (isIPv4(plain) || !isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? 0 : tail.split(':').length + (tail.includes('.') ? 1 : 0)
    while (groups.length + after < 8) groups.push('0')
  }
  while (groups.length < 4) groups.push('0')
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
