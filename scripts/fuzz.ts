// Does for as long as one likes what `npm test` does for seconds: random acts against the real parts.
//   npm run fuzz                                 every part, each as long as its own default
//   npm run fuzz -- contracts --runs 1000        one part, so many runs
//   npm run fuzz -- economy --seed 7             one part, from a seed that failed before
// A part is a command that ends with 0 where nothing was found. Its output says how to see a failure again.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = join(import.meta.dirname, '..')

interface Part {
  what: string
  /** Runs, unless `--runs` says how many. */
  runs: number
  /** What is run one after the other, up to the first that finds something. */
  commands(runs: number, seed: number): { argv: string[]; env?: Record<string, string> }[]
}

const node = (script: string, ...more: string[]) => [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  join(ROOT, script),
  ...more,
]

const PARTS: Record<string, Part> = {
  contracts: {
    what: 'fuzz tests and invariants of the contracts, in forge; a run is all of them, from the next seed',
    runs: 100,
    commands: (runs, seed) =>
      Array.from({ length: runs }, (_, run) => ({
        argv: node(
          'scripts/forge.mjs',
          'test',
          '--match-test',
          'testFuzz|invariant',
          '--fuzz-seed',
          `0x${(seed + run).toString(16)}`,
        ),
      })),
  },
  economy: {
    what: 'the model of stake and emission against the contracts, on a chain; a run is an act',
    runs: 3_000,
    commands: (runs, seed) => [
      {
        argv: node('node_modules/vitest/vitest.mjs', 'run', 'packages/economy/src/contracts.test.ts'),
        env: { CLOISTER_FUZZ_RUNS: String(runs), CLOISTER_FUZZ_SEED: String(seed) },
      },
    ],
  },
  framing: {
    what: 'generated messages through gateway and worker beside nginx and HAProxy; a run is a message',
    runs: 100_000,
    commands: (runs, seed) => [{ argv: node('scripts/fuzz/framing.ts', String(runs), String(seed)) }],
  },
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string' }, seed: { type: 'string' } },
})
const wrong =
  positionals.find((name) => !(name in PARTS)) ??
  [values.runs, values.seed].find((value) => value !== undefined && !/^[1-9]\d{0,8}$/.test(value))
if (wrong !== undefined) {
  console.error(`There is no ${wrong}. Parts, with --runs N and --seed N as whole numbers from 1 on:`)
  for (const [name, { what, runs }] of Object.entries(PARTS))
    console.error(`  ${name.padEnd(12)}${what} (${runs} runs)`)
  process.exit(2)
}
const failed: string[] = []
for (const name of positionals.length > 0 ? positionals : Object.keys(PARTS)) {
  const part = PARTS[name]
  if (!part) continue
  const seed = Number(values.seed ?? 1 + Math.floor(Math.random() * 999_999_998))
  const runs = Number(values.runs ?? part.runs)
  console.log(`${name}: ${part.what}. ${runs} runs from seed ${seed}`)
  const isClean = part.commands(runs, seed).every(({ argv, env = {} }) => {
    const [program = '', ...args] = argv
    return (
      spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } }).status === 0
    )
  })
  if (!isClean) failed.push(`${name} --seed ${seed} --runs ${runs}`)
}
for (const one of failed) console.error(`Something was found. Again: npm run fuzz -- ${one}`)
process.exitCode = failed.length > 0 ? 1 : 0
