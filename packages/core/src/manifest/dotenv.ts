import type { Hint } from '../errors/hint.ts'
import { ManifestError } from './source.ts'
import { fillIn, type LookUp, MOST_CHARACTERS, TemplateError } from './template.ts'

/** Go's `unicode.IsSpace`. */
const ANY_SPACE = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/
const SPACE_BUT_LINE_FEED = /[\t\v\f\r \x85\xa0]/
const NAME_CHARACTER = /[\p{L}\p{N}_.[\]-]/u
const ESCAPES: Record<string, string> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
}

/**
 * Reads variables as Docker Compose reads `.env` and env_file: comments, `export`, single quotes literal,
 * double quotes with escapes, both over several lines, `$NAME` and `${NAME:-default}` outside of single
 * quotes (`lookUp` before the file's own), and a name alone for what `lookUp` knows. `unset` is told of
 * variables that stand for nothing. Throws a ManifestError with the line.
 *
 * Source: compose-spec/compose-go v2, `dotenv/parser.go`.
 */
export function parseDotenv(
  file: string,
  text: string,
  lookUp: LookUp = () => undefined,
  unset: (name: string, line: number) => void = () => {},
): Record<string, string> {
  return new Reader(file, text.replace(/^\ufeff/, ''), lookUp, unset).read()
}

class Reader {
  private readonly file: string
  private readonly text: string
  private readonly lookUp: LookUp
  private readonly unset: (name: string, line: number) => void
  private readonly env: Record<string, string> = {}
  private at = 0
  private counted = { at: 0, line: 1 }
  private characters = 0

  constructor(file: string, text: string, lookUp: LookUp, unset: (name: string, line: number) => void) {
    this.file = file
    this.text = text
    this.lookUp = lookUp
    this.unset = unset
  }

  read(): Record<string, string> {
    while (this.findStatement()) {
      const start = this.at
      const { name, hasValue } = this.readName()
      if (/\s/.test(name))
        this.fail(
          start,
          `found ${JSON.stringify(name.slice(0, 60))}`,
          'Expected NAME=value; a name has no space.',
        )
      if (name === '' || name === '__proto__')
        this.fail(start, `found ${JSON.stringify(this.lineAt(start))}`, 'Expected NAME=value.')
      const value = hasValue ? this.readValue() : this.lookUp(name)
      this.characters += value?.length ?? 0
      if (this.characters > MOST_CHARACTERS)
        this.fail(start, 'its values grow too long', `At most ${MOST_CHARACTERS} characters in all.`)
      if (value !== undefined) this.env[name] = value
    }
    return this.env
  }

  /** Goes to the next name, over blanks and comments. */
  private findStatement(): boolean {
    for (;;) {
      this.skip(ANY_SPACE)
      if (this.text[this.at] !== '#') return this.at < this.text.length
      this.at = this.endOfLine()
    }
  }

  private readName(): { name: string; hasValue: boolean } {
    const exported = /^export[\t\n\f\r ]+/.exec(this.text.slice(this.at, this.at + 1024))
    if (exported) {
      this.at += 'export'.length
      this.skip(SPACE_BUT_LINE_FEED)
    }
    const start = this.at
    for (; this.at < this.text.length; this.at++) {
      const character = this.text[this.at] ?? ''
      if (character === '\n' || character === '=' || character === ':') break
      const whole = String.fromCodePoint(this.text.codePointAt(this.at) ?? 0)
      if (!SPACE_BUT_LINE_FEED.test(character) && !NAME_CHARACTER.test(whole))
        this.fail(
          start,
          `found ${JSON.stringify(character)} in the name ${JSON.stringify(this.lineAt(start))}`,
          'Expected NAME=value.',
        )
      this.at += whole.length - 1
    }
    const name = this.text.slice(start, this.at)
    const hasValue = this.at < this.text.length && this.text[this.at] !== '\n'
    this.at++
    this.skip(SPACE_BUT_LINE_FEED)
    return { name: trimEnd(name), hasValue }
  }

  private readValue(): string {
    const quote = this.text[this.at]
    if (quote === '"' || quote === "'") return this.readQuoted(quote)
    const start = this.at
    const end = this.endOfLine()
    const line = this.text.slice(start, end)
    this.at = end + 1
    const comment = line.indexOf(' #')
    return this.fill(trimEnd(comment < 0 ? line : line.slice(0, comment)), start)
  }

  private readQuoted(quote: string): string {
    const start = this.at
    let value = ''
    for (let i = start + 1; i < this.text.length; i++) {
      const character = this.text[i] ?? ''
      if (character === quote) {
        this.at = i + 1
        return quote === '"' ? this.fill(resolveEscapes(value), start) : value
      }
      // Before its own quote a backslash goes, before anything else it stays for `resolveEscapes`.
      if (character === '\\' && i + 1 < this.text.length) {
        i++
        value += this.text[i] === quote ? quote : `\\${this.text[i]}`
      } else value += character
    }
    return this.fail(
      start,
      `the quote of ${JSON.stringify(this.lineAt(start))} is never closed`,
      `Close it with ${quote}.`,
    )
  }

  private fill(value: string, at: number): string {
    const lookUp: LookUp = (name) =>
      this.lookUp(name) ?? (Object.hasOwn(this.env, name) ? this.env[name] : undefined)
    try {
      return fillIn(value, lookUp, (name) => this.unset(name, this.lineOf(at)))
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      return this.fail(at, error.message, error.accepted)
    }
  }

  private skip(characters: RegExp): void {
    while (this.at < this.text.length && characters.test(this.text[this.at] ?? '')) this.at++
  }

  private endOfLine(): number {
    const end = this.text.indexOf('\n', this.at)
    return end < 0 ? this.text.length : end
  }

  private lineOf(at: number): number {
    // Asked in the order of the file nearly always.
    if (at < this.counted.at) this.counted = { at: 0, line: 1 }
    for (
      let feed = this.text.indexOf('\n', this.counted.at);
      feed >= 0 && feed < at;
      feed = this.text.indexOf('\n', feed + 1)
    )
      this.counted = { at: feed + 1, line: this.counted.line + 1 }
    return this.counted.line
  }

  private lineAt(at: number): string {
    return this.text.slice(at).split('\n', 1)[0]?.slice(0, 60) ?? ''
  }

  private fail(at: number, problem: string, accepted: Hint): never {
    throw new ManifestError(
      'bad-file',
      { file: this.file, line: this.lineOf(at), field: '' },
      problem,
      accepted,
    )
  }
}

function trimEnd(text: string): string {
  let end = text.length
  while (end > 0 && ANY_SPACE.test(text[end - 1] ?? '')) end--
  return text.slice(0, end)
}

/**
 * The escapes of a POSIX shell's `echo`, and `\$` for a dollar sign that begins no variable. Others stay as
 * they are.
 */
function resolveEscapes(text: string): string {
  return text.replace(
    /\\(?:([abfnrtv"\\])|(\$)|0(\d{3}))/g,
    (whole, letter: string | undefined, dollar: string | undefined, octal: string | undefined) => {
      if (letter !== undefined) return ESCAPES[letter] ?? whole
      if (dollar !== undefined) return '$$'
      return /^[0-3][0-7]{2}$/.test(octal ?? '')
        ? String.fromCharCode(Number.parseInt(octal ?? '', 8))
        : whole
    },
  )
}
