import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bytesToHex, type Hex } from 'viem'
import type { MadeChain } from './chain-maker.ts'

/** What a node answers to a request instead; undefined for the truth. */
type Tamper = (method: string, params: unknown[], truth: unknown) => unknown

/** A node of a made-up chain, which pages as real ones do. */
export interface FakeNode {
  url: string
  /** Requests so far, by method. */
  requests: Map<string, number>
  /** Changes what it answers. Throwing drops the connection. */
  tamper: Tamper | undefined
  stop(): Promise<void>
}

/** What Substrate's own nodes take at most. */
const MOST_KEYS = 1_000

/** Serves a made-up chain; a page has no more than `most` keys, whatever was asked for. */
export async function serveLegacyChain(
  { pairs, header, blockHash }: MadeChain,
  { most = MOST_KEYS } = {},
): Promise<FakeNode> {
  const entries = pairs.map(([key, value]) => [bytesToHex(key), bytesToHex(value)] as const)
  const values = new Map<Hex, Hex>(entries)
  const answers: Record<string, (params: never) => unknown> = {
    chain_getHeader: ([hash]: [Hex]) => (hash === blockHash ? header : null),
    chain_getBlockHash: ([number]: [number]) => (number === Number(header.number) ? blockHash : null),
    state_getKeysPaged: ([prefix, count, after, hash]: [Hex, number, Hex, Hex]) => {
      checkBlock(hash)
      if (count > MOST_KEYS) throw new RpcError(4002, 'count exceeds maximum value')
      const behind = entries.filter(([key]) => key.startsWith(prefix) && (after === '0x' || key > after))
      return behind.slice(0, Math.min(count, most)).map(([key]) => key)
    },
    state_queryStorageAt: ([keys, hash]: [Hex[], Hex]) => {
      checkBlock(hash)
      return [{ block: hash, changes: keys.map((key) => [key, values.get(key) ?? null]) }]
    },
  }
  function checkBlock(hash: Hex): void {
    if (hash !== blockHash) throw new RpcError(-32000, 'UnknownBlock: State already discarded')
  }
  const node: FakeNode = { url: '', requests: new Map(), tamper: undefined, stop: () => stop() }
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { id, method, params } = JSON.parse(text)
    node.requests.set(method, (node.requests.get(method) ?? 0) + 1)
    try {
      const truth = answers[method]?.(params as never)
      const result = node.tamper ? (node.tamper(method, params, truth) ?? truth) : truth
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    } catch (error) {
      if (!(error instanceof RpcError)) return response.destroy()
      const { code, message } = error
      response.end(JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } }))
    }
  })
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  node.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return node
}

class RpcError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}
