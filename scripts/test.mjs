// `npm test`: the tests in Solidity, which are compiled for a minute by one processor, beside the others.
// Arguments are vitest's. What forge says is printed once it has ended.
import { spawn } from 'node:child_process'

const forge = spawn(process.execPath, ['scripts/forge.mjs', 'test', '--gas-snapshot-check', 'true'], {
  stdio: ['ignore', 'pipe', 'pipe'],
})
const said = []
for (const stream of [forge.stdout, forge.stderr]) stream.on('data', (chunk) => said.push(chunk))
const vitest = spawn('vitest', ['run', ...process.argv.slice(2)], { stdio: 'inherit' })

const endOf = (child) => new Promise((done) => child.once('close', (code) => done(code ?? 1)))
const forgeEnd = endOf(forge).then((code) => {
  process.stdout.write(Buffer.concat(said))
  return code
})
const [solidity, others] = await Promise.all([forgeEnd, endOf(vitest)])
process.exitCode = solidity || others
