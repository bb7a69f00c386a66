// Runs forge's binary itself: the launcher that npm puts around it ends with 0 whatever forge ended with.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'

const own = createRequire(createRequire(import.meta.url).resolve('@foundry-rs/forge/package.json'))
const architecture = process.arch === 'x64' ? 'amd64' : process.arch
const forge = own.resolve(`@foundry-rs/forge-${process.platform}-${architecture}/bin/forge`)
const { status } = spawnSync(forge, process.argv.slice(2), { stdio: 'inherit' })
process.exitCode = status ?? 1
