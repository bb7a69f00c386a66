import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { CloisterError } from '@cloister/core'

/**
 * Asks yes or no; Enter means yes, unless `enter` says otherwise. Without a terminal it is an error that
 * names the flag to use.
 */
export async function confirm(question: string, enter: 'yes' | 'no' = 'yes'): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new CloisterError('no-terminal', 'There is no terminal to ask on.', {
      hint: 'Add --yes to go ahead without being asked.',
    })
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  const answer = (await reader.question(`${question} ${enter === 'yes' ? '[Y/n]' : '[y/N]'} `)).trim()
  reader.close()
  return answer === '' ? enter === 'yes' : /^y(es)?$/i.test(answer)
}

/** Asks for a secret without showing it; takes it from an environment variable where that is set. */
export async function askSecret(question: string, variable: string, { twice = false } = {}): Promise<string> {
  const given = process.env[variable]
  if (given !== undefined) return given
  if (!process.stdin.isTTY)
    throw new CloisterError('no-terminal', `There is no terminal to ask for it on: ${question}.`, {
      hint: `Set ${variable}.`,
    })
  const first = await readHidden(`${question}: `)
  if (twice && (await readHidden('Once more: ')) !== first)
    throw new CloisterError('bad-password', 'The two are not the same.')
  if (twice && first.length < 8)
    throw new CloisterError('bad-password', 'A password needs at least 8 characters.')
  return first
}

async function readHidden(question: string): Promise<string> {
  process.stderr.write(question)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const reader = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  const answer = await reader.question('')
  reader.close()
  process.stderr.write('\n')
  return answer
}
