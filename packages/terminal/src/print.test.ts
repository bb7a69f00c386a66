import { CloisterError } from '@cloister/core/errors'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { showError } from './error.ts'
import { note, paint, printable, say, sayExactly, sayJson, shownOn } from './print.ts'
import { Steps } from './steps.ts'
import { facts, table } from './table.ts'

/**
 * What would clear a screen, set a title, write a clipboard, hide text, go back over a line, turn it round.
 */
const HOSTILE = [
  '\x1b[2J',
  '\x1b]0;title\x07',
  '\x1b]52;c;aGk=\x07',
  '\x1b[8m',
  '\r',
  '\b\b',
  '\x9b2J',
  '\x07',
  '\u202e',
  '\u2066',
  '\x1bc',
  '\x7f',
]
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 6 })
  .map((parts) => parts.join('a'))

/** All that is written while `work` runs, on streams that say they are terminals. */
function written(work: () => void): string {
  let text = ''
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((chunk: string | Uint8Array, ...rest: unknown[]) => {
      text += String(chunk)
      for (const done of rest) if (typeof done === 'function') done()
      return true
    })
  work()
  vi.restoreAllMocks()
  return text
}

const COLOURS = /\p{Cc}\[(?:0|1|2|22|3[0-9]|39|9[0-7])m/gu
const OBEYED = /[^\P{Cc}\t\n]|[\u202a-\u202e\u2066-\u2069]/u

describe('text from outside', () => {
  afterEach(() => void vi.restoreAllMocks())

  it.each<[string, (text: string) => void]>([
    ['a line', (text) => say(text)],
    ['a note', (text) => note(text)],
    ['a coloured line', (text) => say(paint('red', text))],
    ['a table', (text) => say(table(['name', text], [[text, paint('green', text)]]))],
    ['facts', (text) => say(facts([['name', text]]))],
    [
      'an error',
      (text) =>
        showError(new CloisterError('bad-file', text, { hint: text }), { json: false, verbose: true }),
    ],
    ['an error of another kind', (text) => showError(new Error(text), { json: false, verbose: true })],
    [
      'an error as JSON',
      (text) =>
        showError(new CloisterError('bad-file', text, { hint: text, details: { text } }), {
          json: true,
          verbose: false,
        }),
    ],
    ['a result as JSON', (text) => sayJson({ [text]: text })],
    [
      'a step',
      (text) => {
        const steps = new Steps(false)
        steps.begin(text, text)
        steps.fail()
      },
    ],
  ])('reaches the terminal in %s without what the terminal obeys', (_, print) => {
    fc.assert(fc.property(hostile, (text) => !OBEYED.test(written(() => print(text)).replace(COLOURS, ''))))
  })

  it('keeps no colours but those that were painted here', () => {
    const terminal = Object.create(process.stdout, {
      isTTY: { value: true },
      getColorDepth: { value: () => 8 },
    }) as NodeJS.WriteStream
    const red = paint('red', 'x', terminal)
    expect(red).toMatch(COLOURS)
    expect(written(() => say(`${red} \x1b[8mhidden\x1b[45m`))).toBe(`${red} hidden\n`)
  })

  it('is one line in a line, a cell and a fact', () => {
    const fake = 'app\n✔ verified'
    expect(printable(fake)).not.toContain('\n')
    expect(table(['name'], [[fake]]).split('\n')).toHaveLength(2)
    expect(facts([['name', fake]]).split('\n')).toHaveLength(1)
  })

  it('is the same value in JSON, and the same bytes where a program reads them', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(JSON.parse(written(() => sayJson({ text })))).toEqual({ text })
        const json = JSON.stringify({ text })
        const isTTY = process.stdout.isTTY
        process.stdout.isTTY = false
        expect(written(() => sayExactly(json))).toBe(`${json}\n`)
        process.stdout.isTTY = true
        const shown = written(() => sayExactly(json))
        process.stdout.isTTY = isTTY
        expect([OBEYED.test(shown), JSON.parse(shown)]).toEqual([false, { text }])
      }),
    )
  })

  it('of a command goes to a terminal without its sequences, and to a file as it is', () => {
    const stream = Object.create(process.stdout, { isTTY: { value: true } }) as NodeJS.WriteStream
    expect(written(() => void shownOn(stream).write(Buffer.from('a\x1b[2Jb\n')))).toBe('a[2Jb\n')
    expect(shownOn(Object.create(process.stdout, { isTTY: { value: false } }))).not.toBe(undefined)
  })
})

describe('steps on a terminal', () => {
  afterEach(() => vi.restoreAllMocks())

  it('leave the line to what is printed meanwhile, and nothing once they have ended', () => {
    const written: string[] = []
    const terminal = process.stderr.isTTY
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0)
    try {
      process.stderr.isTTY = true
      const steps = new Steps(false)
      steps.begin('bids', 'asking')
      note('! a warning')
      steps.done()
      note('after')
    } finally {
      process.stderr.isTTY = terminal
    }
    expect(written.slice(0, 2)).toEqual(['\r\x1b[K', '! a warning\n'])
    expect(written.at(-1)).toBe('after\n')
    expect(written.at(-2)).toMatch(/bids/)
  })
})
