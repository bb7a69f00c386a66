import type { Network } from './network.ts'

const RECONNECT_MS = 1_000
/** While the node tells of blocks by itself, it is asked all the same now and then. */
const PATIENT_MS = 10_000

/**
 * Tells when the chain has a new block: by the node's word where the network names a `wsUrl`
 * (`eth_subscribe`, as Ethereum nodes have it), by the clock, every `pollingIntervalMs`, where it doesn't or
 * the node can't be reached.
 *
 *     for (let seen = heads.seen; ; seen = await heads.after(seen, signal)) await look()
 */
export class Heads {
  private readonly network: Network
  private readonly waiting = new Set<() => void>()
  private socket: WebSocket | undefined
  private retry: NodeJS.Timeout | undefined
  private isSubscribed = false
  private isClosed = false
  private told = 0

  constructor(network: Network) {
    this.network = network
    this.connect()
  }

  /** How many blocks were told of. To be read before looking at the chain. */
  get seen(): number {
    return this.told
  }

  /**
   * Waits until more than `seen` blocks were told of, or until it is time to look anyway. Resolves at once
   * where `signal` is aborted.
   */
  after(seen: number, signal: AbortSignal): Promise<number> {
    if (this.told > seen || signal.aborted) return Promise.resolve(this.told)
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve(this.told)
      }
      const timer = setTimeout(done, this.isSubscribed ? PATIENT_MS : this.network.pollingIntervalMs)
      this.waiting.add(done)
      signal.addEventListener('abort', done)
    })
  }

  close(): void {
    this.isClosed = true
    clearTimeout(this.retry)
    this.socket?.close()
  }

  private connect(): void {
    const { wsUrl } = this.network
    if (wsUrl === undefined || this.isClosed) return
    const socket = new WebSocket(wsUrl)
    this.socket = socket
    socket.addEventListener('open', () =>
      socket.send('{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'),
    )
    // What it says is a reason to look, nothing more; it is not believed.
    socket.addEventListener('message', () => {
      this.isSubscribed = true
      this.tell()
    })
    socket.addEventListener('error', () => {})
    socket.addEventListener('close', () => {
      this.isSubscribed = false
      this.tell()
      if (!this.isClosed) this.retry = setTimeout(() => this.connect(), RECONNECT_MS)
    })
  }

  private tell(): void {
    this.told++
    for (const done of [...this.waiting]) done()
  }
}
