import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ADVICE } from '@cloister/core/errors'
import { expect, it } from 'vitest'
import { wordsOf } from './hints.ts'

const COMMENT = /^\s*(\/\/|\/?\*)/
/** As a person types them, or options of theirs. */
const COMMAND =
  /[`:,] ?cloister (apps|close|deploy|evidence|exec|keys|logs|model|move|provider|proxy|ps|receipt|secrets|snapshot|stake|top-up|update|verify|wallet)\b|npm start|[^-]--(json|yes|account)\b/
const ROOT = join(import.meta.dirname, '../../..')

it('puts every advice into words, with what it is about', () => {
  for (const name of ADVICE) {
    expect(wordsOf({ do: name, subject: '7f3a9c' })).toMatch(/^[A-Z].*\S$/)
    expect(wordsOf({ do: name, subject: '7f3a9c' })).not.toContain('undefined')
  }
  expect(wordsOf({ do: 'close-lease', subject: '7f3a9c' })).toContain('cloister close 7f3a9c')
  expect(wordsOf('Name a smaller size.')).toBe('Name a smaller size.')
})

it('is the only package that speaks of commands', () => {
  const files = execFileSync('git', ['ls-files', 'packages/*.ts', 'services/*.ts'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const sources = files
    .split('\n')
    .filter((path) => /\.ts$/.test(path) && !/test|generated|terminal/.test(path))
  const found = sources.flatMap((path) =>
    readFileSync(join(ROOT, path), 'utf8')
      .split('\n')
      .filter((line) => !COMMENT.test(line) && COMMAND.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  )
  expect(sources.length).toBeGreaterThan(200)
  expect(found).toEqual([])
})
