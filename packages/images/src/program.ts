import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { CloisterError } from '@cloister/core'

/** Lines of a program that are kept for when it fails. */
const LAST_LINES = 40

/** What became of a program that ran to its end. */
export interface Finished {
  code: number
  /** What it printed to its standard output. */
  out: string
  /** The last lines of everything it printed. */
  last: string[]
}

/**
 * Runs a program to its end, each line of what it prints as it comes. Throws `no-engine` where there is no
 * such program.
 */
export async function runProgram(
  [program = '', ...words]: readonly string[],
  { env = {}, onLine = () => {} }: { env?: Record<string, string>; onLine?: (line: string) => void } = {},
): Promise<Finished> {
  const child = spawn(program, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const last: string[] = []
  let out = ''
  const take = (line: string) => {
    last.push(line)
    if (last.length > LAST_LINES) last.shift()
    onLine(line)
  }
  const read = [child.stdout, child.stderr].map(async (stream) => {
    for await (const line of createInterface(stream)) {
      if (stream === child.stdout && out.length < 1024 * 1024) out += `${line}\n`
      take(line)
    }
  })
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve(status ?? 1))
  }).catch((cause) => {
    throw new CloisterError('no-engine', `${program} can not be run.`, { cause })
  })
  await Promise.all(read)
  return { code, out: out.trim(), last }
}
