import { describe, expect, it } from 'vitest'
import { service } from './testing.ts'
import { splitWords } from './words.ts'

describe('a command line', () => {
  // What Docker Compose 2.26 makes of them.
  it.each([
    ['a  "b c" d\\ e', ['a', 'b c', 'd e'], ''],
    ['sh -c "x\\ny \\t \\z" u\\n', ['sh', '-c', 'xny t z', 'un'], ''],
    [`sh -c 'a\\nb "c"'`, ['sh', '-c', 'a\\nb "c"'], ''],
    ['sh -c "a \\\n b"', ['sh', '-c', 'a \n b'], ''],
    ['echo $(date +%s) `x y`', ['echo', '$(date +%s)', '`x y`'], ''],
    ['echo a && echo b', ['echo', 'a'], '&& echo b'],
    ['echo a>b', ['echo', 'a'], '>b'],
    ['2>x y', [], '>x y'],
    ['a "" b;', ['a', '', 'b'], ';'],
  ])('%j is split as Docker Compose does', (line, words, rest) => {
    expect(splitWords(line)).toEqual({ words, rest })
  })

  it.each(['a "b', "a 'b", 'a `b', 'a $(b', '(a)', 'a)', 'a\\'])('%j is refused', (line) => {
    expect(splitWords(line)).toBeUndefined()
  })

  it('is read up to an operator, with a warning', () => {
    const { manifest, warnings } = service('command: migrate && serve')
    expect(manifest.services['web']?.command).toEqual(['migrate'])
    expect(warnings.map(({ message }) => message).join()).toContain('"&& serve"')
  })
})
