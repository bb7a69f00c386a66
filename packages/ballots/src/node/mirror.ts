import { CloisterError, messageOf } from '@cloister/core'
import { readText } from '@cloister/transport'
import { sha256, stringToBytes } from 'viem'
import { MAX_DOCUMENT_BYTES } from '../document.ts'
import { linesOf } from '../lines.ts'
import { contentIdOfHash } from '../messages/content-id.ts'
import type { Hub } from './hub.ts'

/** Milliseconds between two looks at another hub, and until it has answered in full. */
const EVERY_MS = 15_000
const ANSWER_MS = 120_000
/**
 * Looks for which votes of ballots that aren't known here are waited for: the node here may be behind the
 * other hub's. After that, five minutes, they are taken for what they may be as well, made up.
 */
const MOST_WAITS = 20

/** What came of an import. */
interface Imported {
  taken: number
  /** Were here already. */
  known: number
  /** By code, those that can't be taken. */
  refused: Record<string, number>
}

/** Takes another hub's export: NDJSON, an envelope a line. Each is checked as if its voter had sent it. */
async function importVotes(hub: Hub, lines: AsyncIterable<string>): Promise<Imported> {
  const imported: Imported = { taken: 0, known: 0, refused: {} }
  for await (const line of lines) {
    if (line.trim() === '') continue
    try {
      await hub.takeFromOther(line)
      imported.taken++
    } catch (error) {
      // What can't be said of any vote, such as that the chain doesn't answer, ends the import.
      if (!(error instanceof CloisterError) || error.mayRetry) throw error
      if (error.code === 'exists') imported.known++
      else imported.refused[error.code] = (imported.refused[error.code] ?? 0) + 1
    }
  }
  return imported
}

/** Follows other hubs: what they have, this one has soon. */
export class Mirror {
  private readonly hub: Hub
  private readonly warn: (message: string) => void
  /** By hub, the number up to which its votes were read. */
  private readonly read = new Map<string, number>()
  /** By hub, how often in a row what is after that number was of ballots that aren't known here. */
  private readonly waits = new Map<string, number>()
  private readonly everyMs: number
  private timer: NodeJS.Timeout | undefined
  private looking: Promise<void> = Promise.resolve()
  private readonly end = new AbortController()

  constructor(hub: Hub, urls: readonly string[], warn: (message: string) => void, everyMs = EVERY_MS) {
    this.hub = hub
    this.warn = warn
    this.everyMs = everyMs
    for (const url of urls) this.read.set(url.replace(/\/$/, ''), 0)
  }

  start(): void {
    if (this.read.size === 0) return
    this.looking = this.look().then(() => {
      if (!this.end.signal.aborted) this.timer = setTimeout(() => this.start(), this.everyMs)
    })
  }

  async stop(): Promise<void> {
    this.end.abort()
    clearTimeout(this.timer)
    await this.looking
  }

  private async look(): Promise<void> {
    for (const [url, after] of this.read)
      await this.lookAt(url, after).catch((error) => {
        if (!this.end.signal.aborted) this.warn(`the hub at ${url} was not read: ${messageOf(error)}`)
      })
  }

  private async lookAt(url: string, after: number): Promise<void> {
    const signal = AbortSignal.any([this.end.signal, AbortSignal.timeout(ANSWER_MS)])
    const response = await fetch(`${url}/export?after=${after}`, { signal, redirect: 'error' })
    if (!response.ok || !response.body)
      throw new CloisterError('bad-answer', `It answered with status ${response.status}.`)
    const last = Number(response.headers.get('cloister-last'))
    const { refused } = await importVotes(this.hub, linesOf(response.body))
    // What came meanwhile is read the next time.
    if (!this.isToWait(url, refused['not-found'] ?? 0) && Number.isSafeInteger(last) && last > after)
      this.read.set(url, last)
    await this.takeTexts(url, signal)
  }

  /** Whether the same votes are to be read again, since so many of them are of ballots not known here. */
  private isToWait(url: string, unknown: number): boolean {
    const waits = unknown === 0 ? 0 : (this.waits.get(url) ?? 0) + 1
    const isOver = waits > MOST_WAITS
    if (isOver) this.warn(`${unknown} votes of the hub at ${url} are of no ballot here, and left out`)
    this.waits.set(url, isOver ? 0 : waits)
    return waits > 0 && !isOver
  }

  /** Takes texts of ballots that aren't here. That they are the right ones, their hash says. */
  private async takeTexts(url: string, signal: AbortSignal): Promise<void> {
    const { source, store } = this.hub.parts
    for (const { contentHash, isTextMissing } of await source.list()) {
      if (!isTextMissing || store.text(contentHash) !== undefined) continue
      const response = await fetch(`${url}/ipfs/${contentIdOfHash(contentHash)}`, {
        signal,
        redirect: 'error',
      })
      const text = await readText(response.body, MAX_DOCUMENT_BYTES)
      if (response.ok && sha256(stringToBytes(text)) === contentHash) await this.hub.publish(text)
    }
  }
}
