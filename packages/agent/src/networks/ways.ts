import type { TunnelPeer, TunnelState, WireGuard } from '@cloister/executors'

/** How packets go to a tunnel's other end. */
export type Way = 'direct' | 'none'

/** Milliseconds for which a handshake holds (WireGuard whitepaper, section 6.1, Reject-After-Time). */
const SESSION_MS = 180_000

/** The ways of the tunnels of one place, by the key of the other end. */
export class Ways {
  /** Where each was last said to be. Where it moves by itself, WireGuard follows. */
  private readonly said = new Map<string, string>()
  private before = ''

  /** Has tunnels lead to `peers`, each at its address in `direct`. */
  async lead(
    wireGuard: WireGuard,
    peers: readonly TunnelPeer[],
    direct: ReadonlyMap<string, string>,
  ): Promise<void> {
    const wanted = JSON.stringify(peers)
    if (wanted !== this.before) await wireGuard.setPeers(peers)
    this.before = wanted
    for (const key of this.said.keys()) if (!peers.some((peer) => peer.key === key)) this.said.delete(key)
    for (const { key } of peers) {
      const endpoint = direct.get(key)
      if (endpoint === undefined || this.said.get(key) === endpoint) continue
      await wireGuard.setEndpoint(key, endpoint)
      this.said.set(key, endpoint)
    }
  }

  wayOf({ handshakeAt }: TunnelState, now: number): Way {
    return now - handshakeAt * 1000 < SESSION_MS ? 'direct' : 'none'
  }
}
