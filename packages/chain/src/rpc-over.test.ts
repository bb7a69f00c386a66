import { createPublicClient, HttpRequestError, RpcRequestError } from 'viem'
import { describe, expect, it } from 'vitest'
import { rpcOver } from './rpc-over.ts'

interface Asked {
  id: number
  method: string
}

/** A client of a node that is made up: what it was sent, and what it answers to each question. */
function client(answer: (asked: Asked) => object, status = 200) {
  const batches: Asked[][] = []
  const send = async (_: string, { body }: RequestInit) => {
    const asked = JSON.parse(String(body)) as Asked[]
    batches.push(asked)
    // A node may answer in any order.
    const text = status === 200 ? JSON.stringify(asked.map(answer).reverse()) : 'no'
    return { status, body: new Response(text).body }
  }
  return { batches, node: createPublicClient({ transport: rpcOver('http://node', send) }) }
}

describe('questions to a node', () => {
  it('of one turn go out as one batch, and each has its own answer', async () => {
    const { batches, node } = client(({ id, method }) => ({
      id,
      result: method === 'eth_chainId' ? '0x1' : '0x2a',
    }))
    expect(await Promise.all([node.getChainId(), node.getBlockNumber()])).toEqual([1, 42n])
    expect(batches.map((batch) => batch.map(({ method }) => method))).toEqual([
      ['eth_chainId', 'eth_blockNumber'],
    ])
  })

  it('that the node refuses fail alone, with what it says', async () => {
    const { node } = client(({ id, method }) =>
      method === 'eth_chainId'
        ? { id, result: '0x1' }
        : { id, error: { code: 3, message: 'execution reverted', data: '0x08c379a0' } },
    )
    const [chainId, call] = await Promise.allSettled([
      node.getChainId(),
      node.request({ method: 'eth_blockNumber' }),
    ])
    expect(chainId).toMatchObject({ status: 'fulfilled', value: 1 })
    expect(
      call.status === 'rejected' && call.reason.walk((e: unknown) => e instanceof RpcRequestError),
    ).toMatchObject({ code: 3, data: '0x08c379a0' })
  })

  it('that nobody answers fail as unanswered', async () => {
    const { node } = client(({ id }) => ({ id, result: '0x1' }), 403)
    await expect(node.getChainId()).rejects.toSatisfy(
      (error: HttpRequestError) => error.walk((e) => e instanceof HttpRequestError) !== null,
    )
  })
})
