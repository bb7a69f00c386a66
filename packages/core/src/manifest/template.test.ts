import { describe, expect, it } from 'vitest'
import { fillIn, TemplateError } from './template.ts'

const VALUES: Record<string, string> = { FOO: 'first', BAR: '', JSON: '{"json":2}' }
const fill = (text: string, unset: (name: string) => void = () => {}) =>
  fillIn(text, (name) => VALUES[name], unset)

describe('variables are filled in as Docker Compose does it', () => {
  // By compose-spec/compose-go v2, `template/template_test.go`.
  it.each([
    ['$${foo}', '${foo}'],
    ['a $ string', 'a $ string'],
    ['^REGEX$', '^REGEX$'],
    ['$}', '$}'],
    ['$5', '$5'],
    ['$FOO-bar', 'first-bar'],
    ['This ${missing} var', 'This  var'],
    ['ok ${missing:-def}', 'ok def'],
    ['ok ${BAR:-def}', 'ok def'],
    ['ok ${BAR-def}', 'ok '],
    ['ok ${UNSET:+there}', 'ok '],
    ['ok ${FOO:+there}', 'ok there'],
    ['ok ${BAR+there}', 'ok there'],
    ['ok ${BAR:+there}', 'ok '],
    ['ok ${BAR:-/non:-alphanumeric}', 'ok /non:-alphanumeric'],
    ['+ok ${UNSET:-${BAR-defaultValue}}', '+ok '],
    [':?ok ${BAR:-defaultValue}', ':?ok defaultValue'],
    ['ok ${UNSET-$FOO}', 'ok first'],
    ['ok ${UNSET-${FOO} ${FOO}}', 'ok first first'],
    ['ok ${BAR+$FOO ${FOO:+second}}', 'ok first second'],
    ['ok ${FOO?err} ${BAR?err}', 'ok first '],
    ['${JSON} ${FOO:-a} and ${FOO:-b}!', '{"json":2} first and first!'],
  ])('%s is %j', (text, expected) => {
    expect(fill(text)).toBe(expected)
  })

  it.each(['${', '${}', '${ }', '${ foo}', '${foo }', '${foo!}', '${A:-line\nnext}'])(
    '%j is refused',
    (text) => {
      expect(() => fill(text)).toThrow(TemplateError)
    },
  )

  it.each([
    ['${NO:?Mandatory ${FOO}}', 'the variable NO must be set: Mandatory first'],
    ['${BAR:?}', 'the variable BAR must be set'],
    ['${NO?}', 'the variable NO must be set'],
  ])('%s stops', (text, message) => {
    expect(() => fill(text)).toThrow(new TemplateError(message, { do: 'set-variable' }))
  })

  it('tells of what is not set, and only of what is used', () => {
    const names: string[] = []
    fill('${A:+${A},}B ${C:-${D}} ${FOO?${E}}', (name) => names.push(name))
    expect(names).toEqual(['D'])
  })

  it('does not let nesting grow beyond bounds', () => {
    expect(() => fill(`${'${A:-'.repeat(2000)}x${'}'.repeat(2000)}`)).toThrow(TemplateError)
    expect(fill('${A:-x}'.repeat(5000))).toBe('x'.repeat(5000))
  })
})
