// Says whether the committed gas snapshot has every figure that the contracts' tests take, and no other
// (exit 1 if not). forge itself compares only what is in the file, and a run of some tests leaves only
// theirs in it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const CONTRACTS = join(import.meta.dirname, '../contracts')
const TAKEN = /\bsnapshot(?:GasLastCall|Value)\(\s*"Gas",\s*"([^"]+)"/g

const taken = readdirSync(join(CONTRACTS, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.sol'))
  .flatMap((name) =>
    [...readFileSync(join(CONTRACTS, 'test', name), 'utf8').matchAll(TAKEN)].map(
      ([, figure]) => figure ?? '',
    ),
  )
const kept = Object.keys(JSON.parse(readFileSync(join(CONTRACTS, 'snapshots/Gas.json'), 'utf8')))
const missing = taken.filter((figure) => !kept.includes(figure))
const stray = kept.filter((figure) => !taken.includes(figure))
if (missing.length > 0)
  console.error(`contracts/snapshots/Gas.json lacks ${missing.join(', ')}: run node scripts/forge.mjs test`)
if (stray.length > 0)
  console.error(`contracts/snapshots/Gas.json has figures that no test takes: ${stray.join(', ')}`)
process.exitCode = missing.length + stray.length > 0 ? 1 : 0
