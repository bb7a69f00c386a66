import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { init } from 'z3-solver'

const ROOT = join(import.meta.dirname, '../..')
const FILE = 'contracts/proofs/Proofs.sol'
const SOLVER_MS = 60_000

const content = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const proofs = content(FILE)

/** The functions of the file, each with its comment; and the file with one of them alone. */
const functions = [...proofs.matchAll(/(?: {4}\/\/\/.*\n)+ {4}function (\w+)\([\s\S]*?\n {4}}\n/g)].map(
  ([text, name]) => ({ name: name ?? '', text }),
)
const alone = (text: string) =>
  `${proofs.slice(0, proofs.indexOf('contract Proofs {'))}contract Proofs {\n${text}}\n`

/**
 * What solc's SMTChecker (bounded model checking, one query an assertion) wants to know of a source: whether
 * there are values that the assertion doesn't hold for. Z3 answers `unsat` where there are none, which is
 * the proof, and `sat` where there are.
 */
async function ask(source: string): Promise<string[]> {
  const names = ['Shares', 'Schedule'].filter((name) => new RegExp(`\\b${name}\\.`).test(source))
  const used = source.replace(/^import \{(\w+)\}.*\n/gm, (line, name) => (names.includes(name) ? line : ''))
  const input = {
    language: 'Solidity',
    sources: {
      [FILE]: { content: used },
      ...Object.fromEntries(
        names.map((name) => [
          `contracts/src/libraries/${name}.sol`,
          { content: content(`contracts/src/libraries/${name}.sol`) },
        ]),
      ),
    },
    settings: {
      modelChecker: {
        engine: 'bmc',
        solvers: ['smtlib2'],
        targets: ['assert'],
        contracts: { [FILE]: ['Proofs'] },
      },
      outputSelection: { '*': { '*': [] } },
    },
  }
  const compiler = join(ROOT, 'contracts/solc.mjs')
  const told = execFileSync(process.execPath, [compiler, '--standard-json'], {
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  const output = JSON.parse(told) as {
    auxiliaryInputRequested?: { smtlib2queries?: Record<string, string> }
    errors?: { severity: string; formattedMessage: string }[]
  }
  const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'))
  const { Z3 } = await init()
  const answers: string[] = []
  for (const query of Object.values(output.auxiliaryInputRequested?.smtlib2queries ?? {})) {
    const context = Z3.mk_context(Z3.mk_config())
    answers.push(
      (await Z3.eval_smtlib2_string(context, `(set-option :timeout ${SOLVER_MS})\n${query}`)).split(
        /\s/,
        1,
      )[0] ?? '',
    )
    Z3.del_context(context)
  }
  return answers
}

describe('for every value there is', () => {
  test.each(functions.map(({ name, text }) => [name.replaceAll('_', ' '), text] as const))(
    '%s',
    async (_, text) => {
      const assertions = text.match(/\bassert\(/g)?.length ?? 0
      expect(await ask(alone(text))).toEqual(new Array(assertions).fill('unsat'))
    },
  )

  test('all of the file is looked at', () => {
    expect(
      functions
        .map(({ text }) => text.match(/\bassert\(/g)?.length ?? 0)
        .reduce((sum, count) => sum + count, 0),
    ).toBe(proofs.match(/\bassert\(/g)?.length)
  })

  test('what is wrong is not proven', async () => {
    const text = functions[0]?.text ?? ''
    const wrong = text.replace('<= amount);', '< amount);')
    expect(wrong).not.toBe(text)
    expect(await ask(alone(wrong))).toEqual(['sat'])
  })
})
