// `npm run check`: what needs no program to run. Types on one processor, everything else on the other; what
// each step says is printed when it has ended, and all of them are run whatever the others say.
import { spawn } from 'node:child_process'

const LANES = [
  ['tsc', 'tsc -p apps/verify-page', 'tsc -p apps/claim-page'],
  [
    'node scripts/check-imports.ts',
    'biome check --diagnostic-level=warn',
    'node scripts/check-lines.ts',
    'node scripts/check-docs.ts',
    'knip',
    'node scripts/forge.mjs fmt --check',
    'node scripts/generate-contracts.ts --check',
    'node scripts/check-gas-snapshot.ts',
  ],
]

const failed = (await Promise.all(LANES.map(runAll))).flat()
for (const step of failed) console.error(`✘ ${step}`)
process.exitCode = failed.length > 0 ? 1 : 0

async function runAll(steps) {
  const failed = []
  for (const step of steps) if (!(await succeeds(step))) failed.push(step)
  return failed
}

function succeeds(step) {
  const child = spawn(step, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(chunk))
  return new Promise((done) =>
    child.once('close', (code) => {
      process.stdout.write(Buffer.concat(said))
      done(code === 0)
    }),
  )
}
