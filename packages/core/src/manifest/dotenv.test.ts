import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDotenv } from './dotenv.ts'
import { ManifestError } from './source.ts'

const parse = (text: string, outer: Record<string, string> = {}) =>
  parseDotenv('.env', text, (name) => (Object.hasOwn(outer, name) ? outer[name] : undefined))

/**
 * Texts and results by compose-spec/compose-go v2, `dotenv/godotenv_test.go`,
 * `godotenv_var_expansion_test.go` and `parser_test.go`.
 */
const TABLE: [string, Record<string, string>][] = [
  ['FOO=bar', { FOO: 'bar' }],
  ['FOO =bar', { FOO: 'bar' }],
  ['FOO= bar', { FOO: 'bar' }],
  ['  FOO=bar', { FOO: 'bar' }],
  ['FOO=bar ', { FOO: 'bar' }],
  ['OPTION: 1', { OPTION: '1' }],
  ['OPTION: Foo=bar', { OPTION: 'Foo=bar' }],
  ['OPTION=1:B', { OPTION: '1:B' }],
  ['export OPTION=2', { OPTION: '2' }],
  ['export\tOPTION=2', { OPTION: '2' }],
  ['exportFoo=2', { exportFoo: '2' }],
  ['export.FOO= 2', { 'export.FOO': '2' }],
  [String.raw`export B='\n'`, { B: '\\n' }],
  [String.raw`FOO="escaped\"bar"`, { FOO: 'escaped"bar' }],
  [`FOO="'d'"`, { FOO: "'d'" }],
  [String.raw`FOO='it\'s'`, { FOO: "it's" }],
  [String.raw`FOO="bar\nbaz"`, { FOO: 'bar\nbaz' }],
  [String.raw`FOO=a\tb`, { FOO: '\\tb'.replace('\\', 'a\\') }],
  [String.raw`KEY="Z\aZ\bZ\fZ\nZ\rZ\tZ\vZ\\Z\0123Z"`, { KEY: 'Z\x07Z\bZ\fZ\nZ\rZ\tZ\vZ\\ZSZ' }],
  [String.raw`FOO="bar\\\n\ b\az"`, { FOO: 'bar\\\n\\ b\x07z' }],
  [String.raw`FOO="bar\\r\ b\az"`, { FOO: 'bar\\r\\ b\x07z' }],
  [String.raw`KEY="\x07"`, { KEY: '\\x07' }],
  ['FOO=foobar=', { FOO: 'foobar=' }],
  ['FOO=bar # this is foo', { FOO: 'bar' }],
  ['FOO=bar #', { FOO: 'bar' }],
  ['FOO=123#not-a-comment', { FOO: '123#not-a-comment' }],
  ['FOO="bar#baz" # comment', { FOO: 'bar#baz' }],
  ["FOO='bar#baz'#", { FOO: 'bar#baz' }],
  ['FOO=test\nBAR=$FOO', { FOO: 'test', BAR: 'test' }],
  ['FOO=test\nBAR=${FOO}bar', { FOO: 'test', BAR: 'testbar' }],
  ['BAR=$FOO', { BAR: '' }],
  ['FOO=test\nBAR="quote $FOO"', { FOO: 'test', BAR: 'quote test' }],
  ["BAR='quote $FOO'", { BAR: 'quote $FOO' }],
  [String.raw`FOO="foo\$BAR"`, { FOO: 'foo$BAR' }],
  ['FOO=test\nBAR="foo\\${FOO} ${FOO}"', { FOO: 'test', BAR: 'foo${FOO} test' }],
  ['A=1\nB=${A}\nC=$B\nD=${A}_${B}\nE=${NO}', { A: '1', B: '1', C: '1', D: '1_1', E: '' }],
  ['R=${NO:-Default Value}', { R: 'Default Value' }],
  ['E=\nR=${E-Default}|${E:-Default}', { E: '', R: '|Default' }],
  ['T="first\nsecond"\nU=1', { T: 'first\nsecond', U: '1' }],
  ['\n\r\n\t\t \n# comment\n \t # comment\nA=b\r\n', { A: 'b' }],
  ['a=b\na[1]=c\na.property=d\nárví-TŰ=Á', { a: 'b', 'a[1]': 'c', 'a.property': 'd', 'árví-TŰ': 'Á' }],
  ['\ufeffA=1', { A: '1' }],
]

describe('variables in a file are read as Docker Compose reads them', () => {
  it.each(TABLE)('%j', (text, expected) => {
    expect(parse(text)).toEqual(expected)
  })

  it('a key of several lines, what follows it, and what only looks like an escape', () => {
    const text = `KEY="-----BEGIN KEY-----\nMIIB+/=\n-----END KEY-----"\nBASE=base64:Zm9v/+==\nWINPATH=C:\\temp\\new\nAFTER=still-here\nHASH=ab#cd\n`
    expect(parse(text)).toEqual({
      KEY: '-----BEGIN KEY-----\nMIIB+/=\n-----END KEY-----',
      BASE: 'base64:Zm9v/+==',
      WINPATH: 'C:\\temp\\new',
      AFTER: 'still-here',
      HASH: 'ab#cd',
    })
  })

  it('a name alone has the value that is there already, or stays unset', () => {
    expect(parse('B\nC\nA=1', { B: 'outer' })).toEqual({ B: 'outer', A: '1' })
  })

  it('what is set around the file goes before what the file says', () => {
    expect(parse('A=inner\nR=$A', { A: 'outer' })).toEqual({ A: 'inner', R: 'outer' })
  })

  it.each([
    ['A=1\nKEY="abc\nB=2', 2, /never closed/],
    [String.raw`KEY='value\'`, 1, /never closed/],
    ['{"A":"1"}', 1, /found "\{"/],
    ['lol$wut', 1, /found "\$"/],
    ['# c\n\nfoo="\na\n"\nINVALID LINE\nzot=qix', 6, /INVALID LINE/],
    ['A=1\nB=${A', 2, /begins no variable/],
    ['A=${X:?say which}', 1, /X must be set: say which/],
    ['="value"', 1, /found/],
  ])('%j is refused by line', (text, line, message) => {
    const failure = (() => {
      try {
        return parse(text)
      } catch (error) {
        return error
      }
    })()
    expect(failure).toBeInstanceOf(ManifestError)
    expect(failure).toMatchObject({ line, message: expect.stringMatching(message) })
  })

  it('any text gives variables or an error of ours', () => {
    const piece = fc.constantFrom(
      'A',
      '=',
      '"',
      "'",
      '\\',
      '\n',
      '$',
      '{',
      '}',
      ' ',
      '#',
      ':',
      '-',
      'export ',
      '\r',
      '\u2028',
      'é',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 40 }).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            for (const value of Object.values(parse(text))) expect(typeof value).toBe('string')
          } catch (error) {
            expect(error).toBeInstanceOf(ManifestError)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})
