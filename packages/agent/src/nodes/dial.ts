import type { Duplex } from 'node:stream'
import { issueTlsCertificate } from '@cloister/attest/node/tls'
import type { Wallet } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { NodeClient, type SwarmMember } from '@cloister/executors'
import { connectPinned, MuxConnection } from '@cloister/transport'
import type { Address } from 'viem'
import { nodePlace } from '../config.ts'
import { lookUpPeer, NODE_PROTOCOL, rememberedPeer } from './peer.ts'

const IDLE_MS = 3_600_000
/** A machine that says nothing for four times as long is lost. */
const PING_MS = 4_000
const DIAL_MS = 10_000

/**
 * A node of this worker's, spoken to only where the chain says that it is covered and the provider's own, and
 * only under the TLS key that it attested.
 */
export async function openNode(
  { wallet, provider, tlsKey }: { wallet: Wallet; provider: Address; tlsKey: { pem: string } },
  { worker, at }: { worker: Address; at: string },
): Promise<SwarmMember> {
  const { host, port } = nodePlace(at) ?? { host: '', port: 0 }
  const cert = await issueTlsCertificate(tlsKey.pem, { host: 'manager', name: 'Cloister worker' })
  const peer = rememberedPeer(() => lookUpPeer(wallet, worker, provider))
  let connection: MuxConnection | undefined
  /** Those that are open, with the key of each: one that is full is not used for more, and goes on. */
  const open = new Map<MuxConnection, string>()
  const leave = () => {
    for (const mux of open.keys()) mux.close(undefined)
  }
  let dialling: Promise<MuxConnection> | undefined

  const dial = async () => {
    const { tlsKeyHash, refusal } = await peer()
    if (refusal !== undefined) throw new CloisterError('not-attested', `${refusal}.`)
    const own = { key: tlsKey.pem, cert, ALPNProtocols: [NODE_PROTOCOL] }
    const socket = await connectPinned({ host, port, ...own, timeout: DIAL_MS }, tlsKeyHash).catch(
      (cause) => {
        throw new CloisterError('unreachable', `The node ${worker} does not answer at ${at}.`, { cause })
      },
    )
    const closed = () => void open.delete(mux)
    const mux: MuxConnection = new MuxConnection(socket, { idleMs: IDLE_MS, pingMs: PING_MS, closed })
    open.set(mux, tlsKeyHash)
    connection = mux
    return mux
  }
  const stream = async (): Promise<Duplex> => {
    if (connection && !connection.isFull) return connection.open()
    dialling ??= dial().finally(() => {
      dialling = undefined
    })
    return (await dialling).open()
  }
  return {
    name: `${worker} at ${at}`,
    engine: new NodeClient(stream, leave),
    refusal: async () => {
      const { tlsKeyHash, refusal } = await peer()
      // It has another key than it had when these connections began.
      for (const [mux, key] of open) if (key !== tlsKeyHash) mux.close(undefined)
      return refusal
    },
  }
}
