import type { Layer1, Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import {
  type Account,
  BaseError,
  type Chain,
  type Client,
  createClient,
  custom,
  defineChain,
  type Hex,
  HttpRequestError,
  http,
  keccak256,
  TimeoutError,
  type Transport,
} from 'viem'
import { getChainId } from 'viem/actions'
import { chainConfig } from 'viem/op-stack'

const { contracts } = chainConfig
/** Where Multicall3 is on nearly every chain; viem asks for a portal's games by it. */
const MULTICALL3 = { multicall3: { address: '0xcA11bde05977b3631167028862bE2a173976CA11' } } as const
/** Where layer 2 makes forms of layer 1's tokens (specs/protocol/predeploys.md). */
export const LAYER2_FACTORY = '0x4200000000000000000000000000000000000012'
export const LAYER2_BRIDGE = contracts.l2StandardBridge.address
export const LAYER2_MESSENGER = contracts.l2CrossDomainMessenger.address
export const MESSAGE_PASSER = contracts.l2ToL1MessagePasser.address

export type Side = Client<Transport, Chain, Account | undefined>

/** Told of each transaction once it is signed, and before anybody else is. */
export type Commit = (transaction: { hash: Hex; raw: Hex }) => void

/** Both chains, as viem's actions for the OP Stack want them. */
export interface Sides {
  network: Network
  layer1: Side
  layer2: Side
  below: Layer1
  /** Layer 2 with the contracts that it has on layer 1. */
  targetChain: Chain
}

/**
 * Connects to both chains. `commit` is told of what is signed before it is sent. Throws `unsupported` where
 * the network's description names no layer 1.
 */
export function connectSides(network: Network, commit: Commit = () => {}): Sides {
  const below = network.layer1
  if (!below)
    throw new CloisterError(
      'unsupported',
      `${network.name} knows of no layer 1 that anything could be bridged to.`,
      {
        hint: { do: 'start-layer2' },
      },
    )
  const chainOf = (id: number, name: string, url: string) =>
    defineChain({
      id,
      name,
      nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
      rpcUrls: { default: { http: [url] } },
      contracts: MULTICALL3,
    })
  const above = chainOf(network.chainId, network.name, network.rpcUrl)
  const { portal, disputeGameFactory } = below.contracts
  const targetChain = {
    ...above,
    contracts: {
      ...contracts,
      ...MULTICALL3,
      portal: { [below.chainId]: { address: portal } },
      disputeGameFactory: { [below.chainId]: { address: disputeGameFactory } },
    },
  }
  const connect = (chain: Chain, url: string, pollingInterval: number): Side =>
    createClient({ chain, transport: committing(url, commit), pollingInterval, cacheTime: 0 })
  return {
    network,
    below,
    targetChain,
    layer1: connect(chainOf(below.chainId, below.name, below.rpcUrl), below.rpcUrl, below.pollingIntervalMs),
    layer2: connect(targetChain, network.rpcUrl, network.pollingIntervalMs),
  }
}

/**
 * Fails where a chain isn't the one that it should be: nothing is signed for another one then. Throws
 * `bad-network` and `chain-unreachable`.
 */
export async function checkSides({ layer1, layer2 }: Sides): Promise<void> {
  for (const side of [layer1, layer2]) {
    const found = await getChainId(side).catch((error) => {
      throw unreached(error) ?? error
    })
    if (found !== side.chain.id)
      throw new CloisterError(
        'bad-network',
        `The chain at ${side.chain.rpcUrls.default.http[0]} is ${found}, and ${side.chain.name} is ${side.chain.id}.`,
      )
  }
}

/** What to say where an error comes of a chain that isn't reached; undefined of any other. */
export function unreached(error: unknown): CloisterError | undefined {
  const viem = error instanceof CloisterError ? error.cause : error
  if (!(viem instanceof BaseError)) return undefined
  const lost = viem.walk((cause) => cause instanceof HttpRequestError || cause instanceof TimeoutError)
  if (!lost) return undefined
  const at = lost instanceof HttpRequestError ? ` at ${new URL(lost.url).origin}` : ''
  return new CloisterError('chain-unreachable', `The chain${at} does not answer.`, {
    hint: 'Is the network running? Nothing that was begun is lost: `cloister bridge status` says how to go on.',
    cause: error,
  })
}

/** A transport that hands signed transactions to `commit` before it sends them. */
function committing(url: string, commit: Commit): Transport {
  return (options) => {
    const { request } = http(url, { retryCount: 2, timeout: 20_000 })(options)
    const requesting = async ({ method, params }: { method: string; params?: unknown }) => {
      if (method === 'eth_sendRawTransaction') {
        const [raw] = params as [Hex]
        commit({ hash: keccak256(raw), raw })
      }
      return request({ method, params } as never)
    }
    // The one below tries again.
    return custom({ request: requesting }, { retryCount: 0 })(options)
  }
}
