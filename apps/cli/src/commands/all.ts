import type { Command } from 'commander'
import { addApps } from './apps/commands.ts'
import { addBridge } from './bridge/commands.ts'
import { addCluster } from './cluster/commands.ts'
import { addCouncil } from './council/commands.ts'
import { addGovernance } from './governance/commands.ts'
import { addGrants } from './grants/commands.ts'
import { addDeploy, addLeaseStreams, addLeases, addManifest } from './leases/commands.ts'
import { addMigrate } from './migrate/commands.ts'
import { addModel, addProxy, addReceipt } from './model/commands.ts'
import { addNetwork } from './network/commands.ts'
import { addProvider } from './provider/commands.ts'
import { addSnapshots } from './snapshots/commands.ts'
import { addStake } from './stake/commands.ts'
import { addVerify } from './verify/commands.ts'
import { addVote } from './vote/commands.ts'
import { addWallet } from './wallet/commands.ts'
import { addWitness } from './witness/commands.ts'
import { addWorkers } from './workers/commands.ts'

/** Adds every command, in the order that help names them in. */
export function addCommands(program: Command): void {
  addDeploy(program)
  addLeases(program)
  addLeaseStreams(program)
  addNetwork(program)
  addCluster(program)
  addSnapshots(program)
  addModel(program)
  addProxy(program)
  addReceipt(program)
  addVerify(program)
  addApps(program)
  addWorkers(program)
  addGovernance(program)
  addVote(program)
  addCouncil(program)
  addGrants(program)
  addManifest(program)
  addWallet(program)
  addProvider(program)
  addStake(program)
  addMigrate(program)
  addBridge(program)
  addWitness(program)
}

/** The words of a command after the program's name, as in `apps create`. */
export function wordsOf(command: Command): string {
  const before = command.parent?.parent ? `${wordsOf(command.parent)} ` : ''
  return `${before}${command.name()}`
}
