import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

/** Questions, and the wait for what was written. */
const OWN_WORDS = ['ask.ts', 'program.ts']

describe('what the commands print', () => {
  it('goes through the terminal package, which takes out what a terminal would obey', () => {
    const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' }).filter(
      (name) => /\.ts$/.test(name) && !/\.test\.ts$/.test(name),
    )
    const around = files.filter((name) => {
      const text = readFileSync(`${import.meta.dirname}/${name}`, 'utf8')
      return /process\.std(?:out|err)\.write|console\./.test(text)
    })
    expect(files.length).toBeGreaterThan(20)
    expect(around.sort()).toEqual(OWN_WORDS)
  })
})
