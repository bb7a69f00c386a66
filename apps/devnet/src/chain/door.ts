import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { CloisterError, messageOf } from '@cloister/core'
import type { Hex } from 'viem'
import { type WebSocket, WebSocketServer } from 'ws'
import * as z from 'zod'
import type { JournaledChain } from './chain.ts'
import { RpcError } from './engine.ts'
import { quantity, type RpcBlock } from './journal.ts'

const LARGEST_BODY = 4 * 1024 * 1024
const MOST_CALLS = 1_000

const hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/i)
  .transform((text) => text.toLowerCase() as Hex)
const address = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/i)
  .transform((text) => text.toLowerCase() as Hex)
const raw = z
  .string()
  .regex(/^0x([0-9a-f]{2})+$/i)
  .transform((text) => text.toLowerCase() as Hex)
/** Deposits come from layer 1 alone, and nobody signs them (EIP-2718 type 0x7E). */
const signed = raw.refine((text) => !text.startsWith('0x7e'), 'deposits are made on layer 1')
const tag = z.union([
  z.enum(['latest', 'pending', 'safe', 'finalized', 'earliest']),
  z.string().regex(/^0x[0-9a-f]{1,13}$/i),
])
const seconds = z.union([z.int(), z.string().regex(/^0x[0-9a-f]{1,13}$/i)]).transform(Number)
const some = <T extends z.ZodType>(one: T) => z.union([one.transform((value) => [value]), z.array(one)])
const filter = z.object({
  fromBlock: tag.nullish(),
  toBlock: tag.nullish(),
  blockHash: hash.nullish(),
  address: some(address).nullish(),
  topics: z.array(some(hash).nullable()).max(4).nullish(),
})
const Call = z.object({
  id: z.union([z.string(), z.int(), z.null()]).optional(),
  method: z.string(),
  params: z.array(z.unknown()).default([]),
})

/** What only an engine can tell, and where the block that is asked about stands among the parameters. */
const ASKED_OF_ENGINE = new Map<string, { block?: number; timed?: boolean }>([
  ['eth_call', { block: 1, timed: true }],
  ['eth_estimateGas', { block: 1, timed: true }],
  ['eth_createAccessList', { block: 1 }],
  ['eth_getBalance', { block: 1 }],
  ['eth_getCode', { block: 1 }],
  ['eth_getTransactionCount', { block: 1 }],
  ['eth_getStorageAt', { block: 2 }],
  ['eth_getProof', { block: 2 }],
  ['eth_gasPrice', {}],
  ['eth_maxPriorityFeePerGas', {}],
  ['eth_feeHistory', {}],
  ['eth_accounts', {}],
  ['eth_simulateV1', {}],
  ['debug_traceCall', {}],
  ['net_version', {}],
  ['web3_clientVersion', {}],
  ['eth_syncing', {}],
])

/** The chain's JSON-RPC over HTTP: history from the journal, state from the engine. */
export class ChainDoor {
  private readonly chain: JournaledChain
  private readonly server: Server
  private readonly sockets: WebSocketServer

  constructor(chain: JournaledChain) {
    this.chain = chain
    this.server = createServer((request, response) => void this.serve(request, response))
    this.server.keepAliveTimeout = 60_000
    this.sockets = new WebSocketServer({ server: this.server, maxPayload: LARGEST_BODY })
    this.sockets.on('connection', (socket) => this.converse(socket))
    this.sockets.on('error', () => {})
  }

  /** Resolves to the port. Throws `port-taken`. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', (cause) =>
        reject(new CloisterError('port-taken', `Port ${port} is taken by another program.`, { cause })),
      )
      this.server.listen(port, '127.0.0.1', () => {
        const bound = this.server.address()
        resolve(typeof bound === 'object' && bound ? bound.port : port)
      })
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      for (const socket of this.sockets.clients) socket.terminate()
      this.server.close(() => resolve())
      this.server.closeAllConnections()
    })
  }

  /** A client that stays: calls as over HTTP, and `eth_subscribe` for new blocks. */
  private converse(socket: WebSocket): void {
    const { blocks, journal } = this.chain
    let subscription: string | undefined
    const tell = ({ number }: { number: number }) => {
      // A reader that is slower than the blocks misses some; it looks for itself.
      if (subscription === undefined || socket.bufferedAmount > LARGEST_BODY) return
      const { transactions: _, ...result } = journal.block(number, false) ?? { transactions: [] }
      socket.send(
        JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params: { subscription, result } }),
      )
    }
    blocks.on('block', tell)
    socket.on('close', () => blocks.off('block', tell))
    socket.on('error', () => {})
    socket.on('message', async (data) => {
      const call = Call.safeParse(parsed(String(data)))
      const { id = null, method, params } = call.data ?? {}
      if (method !== 'eth_subscribe') return socket.send(JSON.stringify(await this.answer(call.data)))
      if (params?.[0] !== 'newHeads')
        return socket.send(
          JSON.stringify({
            jsonrpc: '2.0',
            id,
            error: { code: -32602, message: 'only newHeads is told of' },
          }),
        )
      subscription = '0x1'
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: subscription }))
    })
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = {
      'access-control-allow-origin': '*',
      'access-control-allow-headers': '*',
      'access-control-allow-methods': 'POST',
      'content-type': 'application/json',
    }
    if (request.method !== 'POST')
      return void response.writeHead(request.method === 'OPTIONS' ? 204 : 405, headers).end()
    const chunks: Buffer[] = []
    let size = 0
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        size += chunk.length
        if (size > LARGEST_BODY)
          return void response.writeHead(413, { ...headers, connection: 'close' }).end()
        chunks.push(chunk)
      }
    } catch {
      return
    }
    const body = parsed(Buffer.concat(chunks).toString())
    const answer = Array.isArray(body)
      ? await Promise.all(body.slice(0, MOST_CALLS).map((one) => this.answer(one)))
      : await this.answer(body)
    response.writeHead(200, headers).end(JSON.stringify(answer))
  }

  private async answer(asked: unknown): Promise<object> {
    const call = Call.safeParse(asked)
    const id = call.data?.id ?? null
    if (!call.success) return { jsonrpc: '2.0', id, error: { code: -32600, message: 'not a JSON-RPC call' } }
    try {
      return { jsonrpc: '2.0', id, result: (await this.call(call.data.method, call.data.params)) ?? null }
    } catch (error) {
      if (error instanceof RpcError)
        return {
          jsonrpc: '2.0',
          id,
          error: {
            code: error.code,
            message: error.message,
            ...(error.data !== undefined && { data: error.data }),
          },
        }
      if (error instanceof z.ZodError)
        return {
          jsonrpc: '2.0',
          id,
          error: { code: -32602, message: `wrong parameters: ${error.issues[0]?.message}` },
        }
      return { jsonrpc: '2.0', id, error: { code: -32603, message: messageOf(error) } }
    }
  }

  private async call(method: string, params: unknown[]): Promise<unknown> {
    const { chain } = this
    const { journal } = chain
    switch (method) {
      case 'eth_chainId':
        return quantity(chain.kind.chainId)
      case 'eth_blockNumber':
        return quantity(chain.head.number)
      case 'eth_getBlockByNumber':
        return this.block(this.numberOf(tag.parse(params[0])), params[1] === true)
      case 'eth_getBlockByHash':
        return this.block(journal.numberOf(hash.parse(params[0])), params[1] === true)
      case 'eth_getBlockReceipts': {
        const number = this.numberOf(tag.parse(params[0]))
        return number > chain.head.number ? null : journal.receipts(number)
      }
      case 'eth_getTransactionReceipt':
        return journal.receipt(hash.parse(params[0]))
      case 'eth_getTransactionByHash': {
        const wanted = hash.parse(params[0])
        return journal.transaction(wanted) ?? (journal.knows(wanted) ? chain.ask(method, [wanted]) : null)
      }
      case 'eth_getLogs':
        return this.logs(filter.parse(params[0]))
      case 'eth_sendRawTransaction':
        return chain.send(signed.parse(params[0]))
      case 'evm_increaseTime':
        return chain.advance(seconds.parse(params[0]))
      case 'evm_mine':
        await chain.mine()
        return '0x0'
      default: {
        const known = ASKED_OF_ENGINE.get(method)
        if (!known)
          throw new RpcError({
            code: -32601,
            message: `The embedded chain has no ${method}: it keeps signed transactions alone, and replays them.`,
          })
        return chain.ask(method, this.asOfNow(params, known))
      }
    }
  }

  /**
   * Without anything to put into a block none is made for seconds; what is asked about the present is
   * reckoned with the present time.
   */
  private asOfNow(params: unknown[], { block, timed }: { block?: number; timed?: boolean }): unknown[] {
    if (block === undefined) return params
    const asked = params[block] ?? 'latest'
    const present = asked === 'latest' || asked === 'pending' || asked === 'safe' || asked === 'finalized'
    const next = [...params]
    next[block] = asked === 'safe' || asked === 'finalized' ? 'latest' : asked
    const now = this.chain.now()
    if (!timed || !present || params[3] !== undefined || now <= this.chain.head.time) return next
    next[2] ??= null
    next[3] = { time: quantity(now) }
    return next
  }

  private numberOf(asked: z.infer<typeof tag>): number {
    if (asked === 'earliest') return 0
    return asked.startsWith('0x') ? Number(asked) : this.chain.head.number
  }

  private block(number: number | undefined, full: boolean): RpcBlock | null {
    if (number === undefined || number > this.chain.head.number) return null
    return this.chain.journal.block(number, full)
  }

  private logs({
    fromBlock,
    toBlock,
    blockHash,
    address: addresses,
    topics,
  }: z.infer<typeof filter>): unknown {
    const { head, journal } = this.chain
    const only = blockHash ? (journal.numberOf(blockHash) ?? -1) : undefined
    const from = only ?? this.numberOf(fromBlock ?? 'latest')
    const to = only ?? Math.min(this.numberOf(toBlock ?? 'latest'), head.number)
    return journal.logs({ from, to, addresses: addresses ?? [], topics: topics ?? [] })
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
