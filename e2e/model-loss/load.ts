import { createHash } from 'node:crypto'
import type OpenAI from 'openai'
import type { Hex } from 'viem'

const AT_ONCE = 12
/** Milliseconds within which no answer of the engine ends. */
const MIDST_MS = 700

/** One request, and what came of it. */
export interface Asked {
  /** SHA-256 of its body, which no other request has. */
  request: Hex
  isStream: boolean
  /** Of `performance.now`. */
  sentAt: number
  /** `broken`: its answer had begun, and an error ended it. */
  state: 'sent' | 'begun' | 'answered' | 'broken'
  /** The lease that answered, and the receipt's id; once the answer's head is there. */
  lease: string | undefined
  receipt: string | undefined
  text: string
}

/** Requests of one client to one model; `name` tells them from those of another load. */
export class Load {
  readonly asked: Asked[] = []
  private readonly client: OpenAI
  private readonly model: string
  private readonly name: string

  constructor(client: OpenAI, model: string, name: string) {
    this.client = client
    this.model = model
    this.name = name
  }

  /** Whether a lease has begun a stream, and all answers under way have a while to go. */
  isInTheMidst(lease: Hex): boolean {
    const underWay = this.asked.filter(({ state }) => state === 'sent' || state === 'begun')
    const areYoung = underWay.every(({ sentAt }) => performance.now() - sentAt < MIDST_MS)
    return areYoung && underWay.some((one) => one.lease === lease && one.isStream)
  }

  /**
   * Asks `count` requests, half of them for streams: a dozen at once, and the next once all of them have
   * ended. Rejects as `ask` does.
   */
  async run(count: number): Promise<void> {
    for (let left = count; left > 0; left -= AT_ONCE)
      await Promise.all(
        Array.from({ length: Math.min(left, AT_ONCE) }, (_, at) => this.ask(at < AT_ONCE / 2)),
      )
  }

  /**
   * Asks once; `headers` beside the client's own. Rejects where no answer begins, or where one that is cut
   * off seems to be whole.
   */
  async ask(isStream: boolean, headers: Record<string, string> = {}): Promise<Asked> {
    const body = {
      model: this.model,
      messages: [
        { role: 'user' as const, content: `${this.name} ${this.asked.length}: the capital of France?` },
      ],
      max_tokens: 20,
      stream: isStream,
    }
    const request: Hex = `0x${createHash('sha256').update(JSON.stringify(body)).digest('hex')}`
    const unknown = { lease: undefined, receipt: undefined, text: '' }
    const one: Asked = { request, isStream, sentAt: performance.now(), state: 'sent', ...unknown }
    this.asked.push(one)
    const { data, response } = await this.client.chat.completions.create(body, { headers }).withResponse()
    one.state = 'begun'
    one.lease = response.headers.get('cloister-lease') ?? undefined
    one.receipt = response.headers.get('x-receipt-id') ?? undefined
    if ('choices' in data) {
      one.text = data.choices[0]?.message.content ?? ''
      one.state = 'answered'
      return one
    }
    let isWhole = false
    try {
      for await (const { choices } of data) {
        one.text += choices[0]?.delta.content ?? ''
        isWhole ||= choices[0]?.finish_reason === 'stop'
      }
    } catch {
      one.state = 'broken'
      return one
    }
    if (!isWhole) throw new Error(`a stream was cut off, and nobody said so: ${one.text}`)
    one.state = 'answered'
    return one
  }
}
