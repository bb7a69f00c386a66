import { randomInt } from 'node:crypto'
import type { Socket } from 'node:net'
import { CloisterError, type DnsKey, messageOf } from '@cloister/core'
import { type DialRules, dialChecked } from '@cloister/transport'
import {
  type DnsMessage,
  NO_ERROR,
  NX_DOMAIN,
  readMessage,
  readName,
  readText,
  TYPE,
  writeQuestion,
  writeUpdate,
} from './message.ts'
import { checkAnswer, signMessage } from './tsig.ts'

const ANSWER_MS = 10_000
/** Seconds that others may remember a challenge. */
const TTL_SECONDS = 60
/** What a server says that it doesn't do, as people are told of it (RFC 2136, section 2.2). */
const REFUSALS: Readonly<Record<number, string>> = {
  2: 'it failed',
  4: 'it takes no updates',
  5: 'the key may not change that name, or nobody may',
  9: 'it is not the one that holds the zone',
  10: 'the name is not in the zone',
}

/**
 * A name server that holds zones, named by a stranger: it is asked over TCP (RFC 7766), by the rules of the
 * checked dialler. What it says no with is thrown as `refused`, what it can't have said as `bad-answer`.
 */
export class NameServer {
  /** As people know it. */
  readonly name: string
  private readonly url: URL
  private readonly rules: DialRules

  /** `address`: a name or an address, IPv6 in brackets, with a port where it isn't 53. */
  constructor(address: string, rules: DialRules) {
    this.name = address
    this.url = new URL(`http://${/:\d+$/.test(address.replace(/^\[.*\]/, '')) ? address : `${address}:53`}`)
    this.rules = { ...rules, ownPorts: [53], timeoutMs: ANSWER_MS }
  }

  /** The zone that a name is in, where this server holds it. */
  async zoneOf(name: string, signal: AbortSignal): Promise<string | undefined> {
    const { isAuthoritative, answers, authority } = await this.ask(name, TYPE.soa, signal)
    const zone = [...answers, ...authority].find(({ type }) => type === TYPE.soa)?.name
    const isAbove = zone !== undefined && (name === zone || name.endsWith(`.${zone}`))
    return isAuthoritative && isAbove && zone !== '' ? zone : undefined
  }

  /** The names of the servers that hold a zone. */
  async serversOf(zone: string, signal: AbortSignal): Promise<string[]> {
    const { bytes, answers } = await this.ask(zone, TYPE.ns, signal)
    return answers.filter(({ type }) => type === TYPE.ns).map(({ dataAt }) => readName(bytes, dataAt).name)
  }

  /** The TXT records of a name. */
  async texts(name: string, signal: AbortSignal): Promise<string[]> {
    const { answers } = await this.ask(name, TYPE.txt, signal)
    return answers
      .filter((record) => record.type === TYPE.txt && record.name === name)
      .map(({ data }) => readText(data))
  }

  /** Adds a TXT record to a name of a zone, or takes it away. */
  async change(
    what: 'add' | 'remove',
    { zone, name, text }: { zone: string; name: string; text: string },
    key: DnsKey,
    signal: AbortSignal,
  ): Promise<void> {
    const id = randomInt(65_536)
    const update = writeUpdate(id, zone, { name, text, ...(what === 'add' && { ttl: TTL_SECONDS }) })
    const { signed, mac } = signMessage(update, key, Math.floor(Date.now() / 1000))
    const bytes = await this.exchange(signed, signal)
    const answer = this.read(bytes, id)
    try {
      checkAnswer(bytes, answer, key, mac, Math.floor(Date.now() / 1000))
    } catch (error) {
      throw this.problem(error instanceof CloisterError ? error.code : 'bad-answer', messageOf(error))
    }
    if (answer.code !== NO_ERROR) throw this.no(answer.code)
  }

  private async ask(
    name: string,
    type: number,
    signal: AbortSignal,
  ): Promise<DnsMessage & { bytes: Buffer }> {
    const id = randomInt(65_536)
    const bytes = await this.exchange(writeQuestion(id, name, type), signal)
    const answer = this.read(bytes, id)
    if (answer.code !== NO_ERROR && answer.code !== NX_DOMAIN) throw this.no(answer.code)
    return { ...answer, bytes }
  }

  private read(bytes: Buffer, id: number): DnsMessage {
    const answer = readMessage(bytes)
    if (!answer.isAnswer || answer.id !== id) throw this.problem('bad-answer', 'it answers something else')
    return answer
  }

  /** One message, and the one that answers it; each has its length before it (RFC 1035, section 4.2.2). */
  private async exchange(message: Buffer, signal: AbortSignal): Promise<Buffer> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)])
    const socket = await dialChecked(this.url, this.rules)
    const stop = () => socket.destroy()
    limit.addEventListener('abort', stop, { once: true })
    // A server can be slow to take a connection, too.
    if (limit.aborted) stop()
    try {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(message.length)
      socket.write(Buffer.concat([length, message]))
      return await readOne(socket)
    } catch (cause) {
      throw new CloisterError('unreachable', `The name server ${this.name.slice(0, 100)} does not answer.`, {
        cause,
      })
    } finally {
      limit.removeEventListener('abort', stop)
      socket.destroy()
    }
  }

  private no(code: number): CloisterError {
    return this.problem('refused', REFUSALS[code] ?? `it answers with code ${code}`)
  }

  private problem(code: CloisterError['code'], why: string): CloisterError {
    return new CloisterError(code, `The name server ${this.name.slice(0, 100)} can't be used: ${why}.`)
  }
}

/** The first whole message of a connection. */
function readOne(socket: Socket): Promise<Buffer> {
  return new Promise((done, reject) => {
    let held: Buffer = Buffer.alloc(0)
    socket.on('data', (piece) => {
      held = Buffer.concat([held, piece])
      const end = held.length < 2 ? 2 : 2 + held.readUInt16BE(0)
      if (end > 2 && held.length >= end) done(held.subarray(2, end))
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection ended')))
  })
}
