import { execFile } from 'node:child_process'
import { resolve } from 'node:path'

const COMMAND = resolve(import.meta.dirname, '../../../apps/cli/src/main.mjs')

type Words = (string | Record<string, string>)[]

/** The command line, on the network that the apps run on. */
export interface CommandLine {
  /** What `cloister … --json` answers. A mapping among the words is of variables. Throws what it printed. */
  // biome-ignore lint/suspicious/noExplicitAny: what a program prints is looked at field by field
  json(...words: Words): Promise<any>
  /** What `cloister …` prints. */
  text(...words: Words): Promise<string>
}

/** `environment` says which network, with which wallet, and what builds images. */
export function commandLine(environment: NodeJS.ProcessEnv): CommandLine {
  const text = (...words: Words) =>
    new Promise<string>((done, fail) => {
      const typed = words.filter((word) => typeof word === 'string')
      const variables = Object.assign({}, ...words.filter((word) => typeof word !== 'string'))
      execFile(
        process.execPath,
        [COMMAND, ...typed],
        { env: { ...environment, ...variables }, maxBuffer: 32 * 1024 * 1024 },
        (error, stdout, stderr) =>
          error
            ? fail(new Error(`cloister ${typed.join(' ')}: ${`${stdout}${stderr}`.slice(-1500)}`))
            : done(stdout),
      )
    })
  return { text, json: async (...words) => JSON.parse(await text(...words, '--json')) }
}
