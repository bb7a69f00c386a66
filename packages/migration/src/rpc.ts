import { CloisterError, GrowingPause } from '@cloister/core'
import { readText, type Send } from '@cloister/transport/web'
import { type Hex, hexToBytes } from 'viem'
import { isHexBytes } from './hex.ts'
import { type Header, hashHeader, parseHeader } from './state/header.ts'

const TRIES = 6
const PATIENCE_MS = 60_000
/** Of an answer. The largest values of a state are runtimes, of a few million bytes. */
const MOST_BYTES = 64 * 1024 * 1024
const MOST_KEY_BYTES = 8_192

/** A node of a Substrate chain, asked by JSON-RPC over HTTP. What it says is checked for its shape alone. */
export class LegacyNode {
  private readonly url: string
  private readonly send: Send
  private readonly pauses: { firstMs: number; longestMs: number }
  private id = 0

  /**
   * @param url of the node; ws:// and wss:// are asked by HTTP at the same place
   * @param send how requests are sent; the global `fetch`, if not given
   */
  constructor(url: string, { send, firstPauseMs = 500 }: { send?: Send; firstPauseMs?: number } = {}) {
    if (!/^(https?|wss?):\/\//.test(url) || !URL.canParse(url))
      throw new CloisterError('bad-option', `${url} is no address of a node.`, {
        hint: 'It begins with https:// or wss://.',
      })
    this.url = url.replace(/^ws/, 'http')
    this.send = send ?? ((to, init) => fetch(to, init))
    this.pauses = { firstMs: firstPauseMs, longestMs: 30_000 }
  }

  /** The header of a block, which has to hash to the block's hash. Throws `bad-answer`, `unreachable`. */
  async header(blockHash: Hex): Promise<Header> {
    const answer = await this.ask('chain_getHeader', [blockHash])
    if (answer === null)
      throw new CloisterError('not-found', `The node has no block ${blockHash}.`, {
        hint: 'Ask an archive node, and check the hash.',
      })
    const header = parseHeader(answer)
    if (hashHeader(header) === blockHash) return header
    throw new CloisterError('bad-answer', `What the node gave as header of ${blockHash} has another hash.`)
  }

  /** The hash of a block by its number, as the node has it. Throws `not-found`, `unreachable`. */
  async blockHash(number: number): Promise<Hex> {
    const answer = await this.ask('chain_getBlockHash', [number])
    if (typeof answer === 'string' && /^0x[0-9a-f]{64}$/.test(answer)) return answer as Hex
    throw new CloisterError('not-found', `The node has no block ${number}.`, { hint: 'Ask an archive node.' })
  }

  /** At most `count` keys behind `after`, in order, of the state after a block. Empty at the end. */
  async keys(blockHash: Hex, after: Hex, count: number): Promise<Hex[]> {
    const answer = await this.ask('state_getKeysPaged', ['0x', count, after, blockHash])
    if (
      !Array.isArray(answer) ||
      answer.length > count ||
      !answer.every((key) => isHexBytes(key, MOST_KEY_BYTES))
    )
      throw new CloisterError('bad-answer', 'The node gave something that is no page of keys.')
    const keys = answer as Hex[]
    const wrong = keys.find((key, at) => key <= (keys[at - 1] ?? after) && !(at === 0 && after === '0x'))
    if (wrong !== undefined)
      throw new CloisterError(
        'bad-answer',
        `The node gave keys out of order, or twice: ${wrong.slice(0, 80)}.`,
      )
    return keys
  }

  /** The values of keys, in their order. Each has to have one. */
  async values(blockHash: Hex, keys: readonly Hex[]): Promise<Uint8Array[]> {
    const answer = await this.ask('state_queryStorageAt', [keys, blockHash])
    const changes: unknown = Array.isArray(answer) && answer.length === 1 ? Object(answer[0]).changes : []
    const pairs = Array.isArray(changes) && changes.length === keys.length ? changes : []
    const values = new Map<unknown, unknown>(pairs.map((pair) => [Object(pair)[0], Object(pair)[1]]))
    return keys.map((key) => {
      const value = values.get(key)
      if (isHexBytes(value, MOST_BYTES)) return hexToBytes(value)
      throw new CloisterError(
        'bad-answer',
        `The node gave no value for ${key.slice(0, 80)}, one of its own keys.`,
      )
    })
  }

  private async ask(method: string, params: unknown[]): Promise<unknown> {
    const pauses = new GrowingPause(this.pauses)
    for (let tries = 1; ; tries++) {
      try {
        return await this.askOnce(method, params)
      } catch (error) {
        const isFinal = error instanceof CloisterError && !error.mayRetry
        if (isFinal || tries === TRIES) throw error
        await pauses.wait()
      }
    }
  }

  private async askOnce(method: string, params: unknown[]): Promise<unknown> {
    const id = ++this.id
    const text = await this.post(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    const answer = parsed(text)
    if (answer['error'] !== undefined) {
      const { code, message } = Object(answer['error'])
      const [why, number] = [message, code].map((one) => (typeof one === 'object' ? '' : String(one)))
      throw new CloisterError(
        'refused',
        `The node refused ${method}: ${why?.slice(0, 200)} (${number?.slice(0, 20)}).`,
        {
          hint: 'Ask another node: some keep no old states, or answer no such questions.',
        },
      )
    }
    if (answer['id'] === id && 'result' in answer) return answer['result']
    throw new CloisterError('unreachable', 'The node answered something that is no JSON-RPC.')
  }

  private async post(body: string): Promise<string> {
    try {
      const answer = await this.send(this.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(PATIENCE_MS),
      })
      if (answer.ok) return await readText(answer.body, MOST_BYTES)
      await answer.body?.cancel()
      throw new CloisterError('unreachable', `The node answered with status ${answer.status}.`)
    } catch (cause) {
      if (cause instanceof CloisterError) throw cause
      throw new CloisterError('unreachable', `The node at ${this.url} does not answer.`, {
        hint: 'What was read is kept; type the same again, or name another node.',
        cause,
      })
    }
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text))
  } catch {
    throw new CloisterError('unreachable', 'The node answered something that is no JSON.')
  }
}
