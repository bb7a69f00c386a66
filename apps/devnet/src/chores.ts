// What the supervisor needs done now and then, in a process that ends: it would keep what the work takes for
// good. chores.ts sign FOLDER prints the endorsements of the network's development root, signed now chores.ts
// halt FOLDER ends containers that workers which crashed have left running
import { join } from 'node:path'
import { DevelopmentRoot, signDocuments } from '@cloister/development/root'
import { ATTESTATION_FOLDER } from './contracts.ts'
import { eachSandboxedLease } from './sandboxed-leases.ts'

const [chore, folder = ''] = process.argv.slice(2)
if (chore === 'sign') {
  const root = await DevelopmentRoot.open(join(folder, ATTESTATION_FOLDER))
  process.stdout.write(JSON.stringify(await signDocuments(root)))
} else if (chore === 'halt') await eachSandboxedLease(folder, (sandbox, lease) => sandbox.halt(lease))
else throw new Error(`There is no chore ${chore}.`)
