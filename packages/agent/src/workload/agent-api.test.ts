import { basename, join } from 'node:path'
import type { Chain } from '@cloister/chain'
import { AGENT_SOCKET, isReceiptSigned } from '@cloister/core'
import { AgentSocket, type WorkerEvidence } from '@cloister/workload'
import { workloadFreshness } from '@cloister/workload/wire'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { agentApi } from './agent-api.ts'
import { AgentSockets } from './agent-sockets.ts'

const LEASE: Hex = `0x${'1a'.repeat(32)}`
const MANIFEST: Hex = `0x${'2b'.repeat(32)}`
const OTHER: Hex = `0x${'3c'.repeat(32)}`
const key = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const contract = key.address
const network = {
  name: 'test',
  chainId: 31_337,
  rpcUrl: 'http://user:password@127.0.0.1:1',
  indexerUrl: 'http://127.0.0.1:1',
  domain: 'test.localhost',
  development: true,
} as unknown as Chain['network']

/** A chain that answers what it was asked. */
const fakeChain = {
  network: { ...network, contracts: { workers: contract } },
  client: { request: async ({ method }: { method: string }) => ({ method }) },
} as unknown as Chain

/** Evidence that names what it was made for, and is none. */
const fakeEvidence = (purpose: Hex): WorkerEvidence => ({
  worker: key.address,
  signature: '0x',
  kind: 'tdx',
  tlsKeyHash: purpose,
  quote: 'AAAA',
  endorsements: {},
})

describe('the agent’s socket', () => {
  const numbers = new Map<Hex, bigint>()
  const sockets = new AgentSockets(
    Buffer.from(`a test of the agent’s interface ${process.pid}`),
    agentApi({
      chain: fakeChain,
      key,
      keySeat: undefined,
      prover: { prove: async (purpose) => fakeEvidence(purpose) },
      receipts: {
        era: 5n,
        next: (lease) => {
          const next = numbers.get(lease) ?? 0n
          numbers.set(lease, next + 1n)
          return next
        },
      },
      transactions: {
        send: async (lease, { contract }) => (contract === 'receipts' && lease === LEASE ? OTHER : MANIFEST),
      },
      sealingSecret: new Uint8Array(32).fill(7),
      log: () => {},
    }),
  )
  let agent: AgentSocket
  let other: AgentSocket
  const socketOf = async (manifest: Hex) =>
    new AgentSocket(join(await sockets.open(LEASE, manifest), basename(AGENT_SOCKET)))

  beforeAll(async () => {
    agent = await socketOf(MANIFEST)
    other = await socketOf(OTHER)
  })
  afterAll(() => sockets.closeAll())

  it('quotes what a workload chose, for its own lease and manifest alone', async () => {
    expect(await agent.quote(OTHER)).toEqual(fakeEvidence(workloadFreshness(LEASE, MANIFEST, OTHER)))
    expect(await other.quote(OTHER)).toEqual(fakeEvidence(workloadFreshness(LEASE, OTHER, OTHER)))
    await expect(agent.quote('0x12')).rejects.toMatchObject({ code: 'bad-request' })
  })

  it('gives each manifest a sealing key of its own, the same every time', async () => {
    const sealing = await agent.sealingKey()
    expect(sealing).toHaveLength(32)
    expect(await agent.sealingKey()).toEqual(sealing)
    expect(await other.sealingKey()).not.toEqual(sealing)
  })

  it('signs receipts with the worker’s key, numbered one by one', async () => {
    const receipts = [await agent.receipt(OTHER), await other.receipt(OTHER), await agent.receipt(MANIFEST)]
    expect(receipts.map(({ era, sequence }) => [era, sequence])).toEqual([
      [5n, 0n],
      [5n, 1n],
      [5n, 2n],
    ])
    for (const receipt of receipts) {
      expect(receipt).toMatchObject({ worker: key.address, lease: LEASE })
      expect(await isReceiptSigned(receipt, network.chainId, contract)).toBe(true)
    }
    await expect(agent.receipt('0x12')).rejects.toMatchObject({ code: 'bad-request' })
    expect((await agent.receipt(OTHER)).sequence).toBe(3n)
  })

  it('reads the chain for a workload, and sends nothing', async () => {
    const { request } = agent.transport()({})
    expect(await request({ method: 'eth_blockNumber' })).toEqual({ method: 'eth_blockNumber' })
    await expect(request({ method: 'eth_sendRawTransaction', params: ['0x'] })).rejects.toThrow()
  })

  it('has transactions sent for the lease that asks, and says what became of them', async () => {
    expect(await agent.send('receipts', '0x12345678')).toBe(OTHER)
    await expect(agent.send('receipts', '0x123')).rejects.toMatchObject({ code: 'bad-request' })
    await expect(agent.send('market' as 'receipts', '0x12')).rejects.toMatchObject({ code: 'bad-request' })
    await expect(agent.send('receipts', `0x${'12'.repeat(65_537)}`)).rejects.toMatchObject({
      code: 'bad-request',
    })
  })

  it('consents to no seat where the provider names none', async () => {
    await expect(agent.seatConsent()).rejects.toMatchObject({ code: 'forbidden' })
  })
})
