import { Writable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/**
 * What a terminal obeys instead of showing it: control characters but tabs and line feeds, and what turns
 * the direction of writing.
 */
const OBEYED = /[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu
const COLOUR = /\p{Cc}\[[0-9;]*m/gu
const OWN_OR_OBEYED = new RegExp(`${COLOUR.source}|${OBEYED.source}`, 'gu')

/** The sequences that `paint` has written. */
const own = new Set<string>()

/** Colours text where the stream is a terminal that shows them (and NO_COLOR is not set). */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  for (const sequence of styleText(style, '', { stream, validateStream: true }).match(COLOUR) ?? [])
    own.add(sequence)
  return styleText(style, text, { stream, validateStream: true })
}

/**
 * Text from outside as it may stand in a line: without control characters, so that it can't move the cursor
 * or fake lines.
 */
export function printable(text: string): string {
  return text.replace(/\n/g, '').replace(OBEYED, '')
}

/** Lines as they may be printed: no escape sequence reaches the terminal but the colours of `paint`. */
function shown(text: string): string {
  return text.replace(OWN_OR_OBEYED, (part) => (own.has(part) ? part : ''))
}

/** JSON of the same value, with what a terminal obeys written as `\u` escapes. */
function escaped(json: string): string {
  return json.replace(OBEYED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Takes a line that is being redrawn off the terminal. */
let clearLive: (() => void) | undefined

/** What takes a line that is redrawn off the terminal before another is printed; none once it is over. */
export function setLive(clear: (() => void) | undefined): void {
  clearLive = clear
}

/** Prints a line. */
export function say(line = ''): void {
  clearLive?.()
  process.stdout.write(`${shown(line)}\n`)
}

/** Prints a line that isn't the result: progress, warnings. */
export function note(line: string): void {
  clearLive?.()
  process.stderr.write(`${shown(line)}\n`)
}

/** Prints JSON whose bytes count: as it is for a file or a program, with escapes on a terminal. */
export function sayExactly(json: string): void {
  process.stdout.write(`${process.stdout.isTTY ? escaped(json) : json}\n`)
}

/** Prints a result as JSON; whole numbers beyond 2^53 as decimal strings. */
export function sayJson(value: unknown): void {
  process.stdout.write(
    `${escaped(JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? item.toString() : item)))}\n`,
  )
}

/** Where to write bytes of a stranger's that go on to `stream`: as they are, unless that is a terminal. */
export function shownOn(stream: NodeJS.WriteStream): Writable {
  if (!stream.isTTY) return stream
  const decoder = new StringDecoder('utf8')
  return new Writable({
    write: (chunk: Buffer, _, done) => void stream.write(shown(decoder.write(chunk)), () => done()),
  })
}
