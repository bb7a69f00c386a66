import { AGENT_SOCKET, CloisterError, fromProblem, receiptFromJson, type SignedReceipt } from '@cloister/core'
import { fetchSocket, readText } from '@cloister/transport'
import { custom, type Hex } from 'viem'
import {
  LeaseAnswer,
  type LeaseCall,
  SealingKey,
  SeatConsent,
  Self,
  SentTransaction,
  type TransactionRequest,
  WorkerEvidence,
} from './wire.ts'

const ANSWER_MS = 30_000
/** A transaction waits for those of the worker before it, and for its block. */
const TRANSACTION_MS = 150_000
const MAX_ANSWER_BYTES = 4 * 1024 * 1024

/**
 * The worker's agent, as a container sees it through its socket: it is part of the guest, so it is
 * believed. A container has the socket where its service says `x-agent-socket: true`. All methods throw
 * `agent-unreachable` where nobody answers, and what the agent's problem document says.
 *
 * @example
 * ```ts
 * import { connectChain } from '@cloister/chain'
 * import { AgentSocket } from '@cloister/workload'
 * import { keccak256 } from 'viem'
 *
 * const agent = new AgentSocket()
 * const { lease, network } = await agent.self()
 * const chain = connectChain(network, agent.transport())
 * const evidence = await agent.quote(keccak256('0x1234'))
 * ```
 */
export class AgentSocket {
  private readonly path: string
  private readonly fetch: ReturnType<typeof fetchSocket>

  constructor(path: string = AGENT_SOCKET) {
    this.path = path
    this.fetch = fetchSocket(path)
  }

  /** Which lease we are, what runs for it, and on which worker and network. */
  async self(): Promise<Self> {
    return Self.parse(await this.ask('GET', '/v1/self'))
  }

  /** A key that this worker gives to this very manifest alone, whenever it runs here: 32 bytes. */
  async sealingKey(): Promise<Uint8Array> {
    const { key } = SealingKey.parse(await this.ask('GET', '/v1/sealing-key'))
    return new Uint8Array(Buffer.from(key, 'base64'))
  }

  /** A quote over 32 bytes of ours; see `workloadFreshness`. */
  async quote(data: Hex): Promise<WorkerEvidence> {
    return WorkerEvidence.parse(await this.ask('GET', `/v1/quote?data=${data}`))
  }

  /**
   * The worker's signed word on one unit of our work, such as an answer or a frame, for whoever is to show
   * it: `content` is the hash of what was done. The worker numbers them by lease; `isReceiptSigned` checks
   * one.
   */
  async receipt(content: Hex): Promise<SignedReceipt> {
    const receipt = receiptFromJson(await this.ask('POST', '/v1/receipts', { content }))
    if (!receipt)
      throw new CloisterError('bad-answer', 'The worker’s agent gave something that is no receipt.')
    return receipt
  }

  /**
   * Has the worker send a call of Vouchers or Receipts (see `encodeDraws`, `encodeClaims`, `encodeAnchor` of
   * `@cloister/chain`), and waits until it is in a block. The worker pays for it, within a budget. Throws
   * `forbidden`, `too-busy`, `too-many`, `no-gas`, `reverted`. Where nobody answered, it may be sent all the
   * same.
   */
  async send(contract: TransactionRequest['contract'], data: Hex): Promise<Hex> {
    const sent = await this.ask('POST', '/v1/transactions', { contract, data }, TRANSACTION_MS)
    return SentTransaction.parse(sent).hash
  }

  /**
   * The worker's word that we may have a seat: the one that its provider named. Throws `forbidden` where it
   * named none.
   */
  async seatConsent(): Promise<SeatConsent> {
    return SeatConsent.parse(await this.ask('GET', '/v1/seat-consent'))
  }

  /**
   * Asks a service of another lease. Nobody on the way is to be believed: what comes back has to prove
   * itself.
   */
  async call(lease: Hex, method: LeaseCall['method'], path: string, body?: unknown): Promise<unknown> {
    const called = LeaseAnswer.parse(
      await this.ask('POST', '/v1/call', {
        lease,
        method,
        path,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    )
    if (called.status !== 200)
      throw fromProblem(called.status, called.body, `The instance ${lease.slice(0, 10)}…`)
    return JSON.parse(called.body)
  }

  /** The chain, read through the agent. */
  transport() {
    return custom(
      {
        request: async ({ method, params }) => this.ask('POST', '/v1/rpc', { method, params: params ?? [] }),
      },
      { retryCount: 1 },
    )
  }

  private async ask(method: string, path: string, body?: unknown, withinMs = ANSWER_MS): Promise<unknown> {
    let answer: { status: number; text: string }
    try {
      const response = await this.fetch(`http://agent${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(withinMs),
      })
      answer = { status: response.status, text: await readText(response.body, MAX_ANSWER_BYTES) }
      if (answer.status === 200) return JSON.parse(answer.text)
    } catch (cause) {
      throw new CloisterError('agent-unreachable', `The worker's agent does not answer on ${this.path}.`, {
        cause,
      })
    }
    throw fromProblem(answer.status, answer.text, "The worker's agent")
  }
}
