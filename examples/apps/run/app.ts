import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** An app that runs, as its check sees it. */
export interface App {
  /** Where a service's first HTTP port answers on this machine; the first service's where none is named. */
  url(service?: string): string
  /** Host and port of a TCP or UDP port that a service publishes. */
  place(service: string, port: number): { host: string; port: number }
  /** Runs a command in a container, and gives what it prints. */
  exec(service: string, ...argv: string[]): Promise<string>
  /** Runs `cloister … --json` and gives its answer. */
  // biome-ignore lint/suspicious/noExplicitAny: what a program prints is looked at field by field
  json(...words: string[]): Promise<any>
  /** The lease's name. */
  name: string
}

/** What an app has to do to count as running. */
export interface Check {
  /** Uses it, and leaves data in it that has to stay. Throws where it does something else. */
  use(app: App): Promise<void>
  /** Looks for that data, once the app was updated. */
  kept?(app: App): Promise<void>
  /** Path that is asked for many times at once. */
  load?: string
}

/** Waits until `look` gives something other than false or undefined; what it throws counts as not yet. */
export async function until<T>(
  what: string,
  look: () => Promise<T | false | undefined>,
  seconds = 60,
): Promise<T> {
  const end = Date.now() + seconds * 1000
  let last: unknown
  for (;;) {
    try {
      const found = await look()
      if (found !== false && found !== undefined) return found
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain until ${what}`, { cause: last })
    await delay(100)
  }
}

export function requireThat(claim: boolean, what: string): void {
  if (!claim) throw new Error(what)
}

/** Asks for an address, and gives the text of a good answer. */
export async function read(url: string, options: RequestInit = {}): Promise<string> {
  const answer = await fetch(url, { ...options, signal: AbortSignal.timeout(20_000) })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}: ${text.slice(0, 200)}`)
  return text
}

/** A conversation over TCP, line by line or byte by byte. */
export class Talk {
  private readonly socket: Socket
  private seen = Buffer.alloc(0)

  constructor({ host, port }: { host: string; port: number }) {
    this.socket = connect(port, host)
    this.socket.on('data', (chunk) => (this.seen = Buffer.concat([this.seen, chunk])))
    this.socket.on('error', () => {})
  }

  say(bytes: string | Uint8Array): void {
    this.socket.write(bytes)
  }

  /** Waits until a text was heard, and forgets all up to its end. */
  async hear(text: string): Promise<void> {
    await until(`${JSON.stringify(text)} is heard`, async () => this.seen.includes(text), 20)
    this.seen = this.seen.subarray(this.seen.indexOf(text) + text.length)
  }

  end(): void {
    this.socket.destroy()
  }
}
