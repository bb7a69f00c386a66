import { connect } from 'node:net'

/** Where wireguard-go's control sockets lie (wireguard-go, `ipc/uapi_unix.go`). */
export const CONTROL_FOLDER = '/var/run/wireguard'

const ANSWER_MS = 5_000
const MOST_BYTES = 4 * 1024 * 1024
/** Seconds between two signs of life: what passes stateful firewalls and tells that the other is there. */
const KEEPALIVE_SECONDS = 25

/** The other end of a tunnel. Keys are 32 bytes in 64 hexadecimal digits. */
export interface TunnelPeer {
  key: string
  /** Addresses that packets may come from and go to; without a prefix's length. */
  addresses: string[]
}

/** How a tunnel is doing. */
export interface TunnelState {
  key: string
  /** `address:port` that packets go to. */
  endpoint: string | undefined
  /** Of the last handshake, Unix seconds; 0 for none. */
  handshakeAt: number
  receivedBytes: number
  sentBytes: number
}

/** One interface of WireGuard's, spoken to by its cross-platform protocol (wireguard.com/xplatform). */
export class WireGuard {
  private readonly socketPath: string

  constructor(device: string) {
    this.socketPath = `${CONTROL_FOLDER}/${device}.sock`
  }

  /** Gives it its key and its UDP port. */
  async configure(privateKey: string, port: number): Promise<void> {
    await this.set([`private_key=${privateKey}`, `listen_port=${port}`])
  }

  /**
   * Puts peers in place of those there are; what is known of one that stays, its session and its way, stays
   * too.
   */
  async setPeers(peers: readonly TunnelPeer[]): Promise<void> {
    const present = (await this.state()).map(({ key }) => key)
    const gone = present.filter((key) => !peers.some((peer) => peer.key === key))
    await this.set([
      ...gone.flatMap((key) => [`public_key=${key}`, 'remove=true']),
      ...peers.flatMap(({ key, addresses }) => [
        `public_key=${key}`,
        'replace_allowed_ips=true',
        ...addresses.map((address) => `allowed_ip=${address}/${address.includes(':') ? 128 : 32}`),
      ]),
    ])
  }

  /** Sends packets for a peer to an address from now on, and says something at once. */
  async setEndpoint(key: string, endpoint: string): Promise<void> {
    const to = [`public_key=${key}`, 'update_only=true']
    await this.set([...to, `endpoint=${endpoint}`, 'persistent_keepalive_interval=0'])
    await this.set([...to, `persistent_keepalive_interval=${KEEPALIVE_SECONDS}`])
  }

  async state(): Promise<TunnelState[]> {
    const tunnels: TunnelState[] = []
    for (const [name, value] of await this.ask('get=1\n\n')) {
      if (name === 'public_key')
        tunnels.push({ key: value, endpoint: undefined, handshakeAt: 0, receivedBytes: 0, sentBytes: 0 })
      const tunnel = tunnels.at(-1)
      if (!tunnel) continue
      if (name === 'endpoint') tunnel.endpoint = value
      else if (name === 'last_handshake_time_sec') tunnel.handshakeAt = Number(value)
      else if (name === 'rx_bytes') tunnel.receivedBytes = Number(value)
      else if (name === 'tx_bytes') tunnel.sentBytes = Number(value)
    }
    return tunnels
  }

  private async set(lines: string[]): Promise<void> {
    await this.ask(['set=1', ...lines, '', ''].join('\n'))
  }

  /** Rejects where nobody answers, or with the number of the error. */
  private async ask(text: string): Promise<[string, string][]> {
    const answer = await new Promise<string>((resolve, reject) => {
      let heard = ''
      const socket = connect(this.socketPath, () => socket.write(text))
      socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error('wireguard-go does not answer')))
      socket.on('error', reject).on('close', () => reject(new Error('wireguard-go hung up')))
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        heard += chunk
        if (heard.length > MOST_BYTES) return void socket.destroy(new Error('wireguard-go says too much'))
        // It goes on listening after an answer, which an empty line ends.
        if (!heard.endsWith('\n\n')) return
        resolve(heard)
        socket.destroy()
      })
    })
    const lines = answer
      .split('\n')
      .filter(Boolean)
      .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
    const error = lines.find(([name]) => name === 'errno')?.[1]
    if (error !== '0') throw new Error(`wireguard-go refuses it (error ${error})`)
    return lines
  }
}
