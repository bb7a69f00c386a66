import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Leaves,
  leavesOfSnapshot,
  reportOf,
  type Snapshot,
  stateRootOf,
  takeSnapshot,
  writeAccounts,
  writeLeaves,
  writeLeftOut,
  writeReport,
} from '@cloister/migration'
import { readExport, StateFile } from '@cloister/migration/node'
import { bytesToHex } from 'viem'
import type { LegacyChainMade } from '../../packages/migration/src/testing/index.ts'

/** What a snapshot took, milliseconds by step, as `cloister migrate snapshot --state FILE` has them. */
export interface SnapshotTimes {
  accounts: number
  pairs: number
  bytes: number
  steps: Map<string, number>
  /** Reading the file, and `JSON.parse`: what no snapshot can be quicker than. */
  parse: number
  leaves: Leaves
}

/** Takes a snapshot of a chain's exported state. Throws where its root isn't the chain's. */
export async function timeSnapshot(legacy: LegacyChainMade): Promise<SnapshotTimes> {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-claims-'))
  const path = join(folder, 'state.json')
  const top = Object.fromEntries(legacy.pairs.map((pair) => pair.map((bytes) => bytesToHex(bytes))))
  writeFileSync(path, JSON.stringify({ genesis: { raw: { top } } }))
  const steps = new Map<string, number>()
  const step = async <T>(name: string, act: () => T | Promise<T>): Promise<T> => {
    const begun = performance.now()
    const done = await act()
    steps.set(name, performance.now() - begun)
    return done
  }
  const file = new StateFile(join(folder, 'state.sqlite'), { source: path })
  try {
    const begun = performance.now()
    JSON.parse(readFileSync(path, 'utf8'))
    const parse = performance.now() - begun
    await step('read the state into a file', () => readExport(path, file))
    const stateRoot = await step('state root', () => stateRootOf(file, 0))
    if (stateRoot !== legacy.header.stateRoot) throw new Error('the state’s root is not the chain’s')
    const taken = await step('count, leaves and root', () => takeSnapshot(file))
    const leaves = await step('write what is published', () => publish(folder, taken))
    return {
      accounts: taken.accounts.length,
      pairs: file.count,
      bytes: statSync(path).size,
      steps,
      parse,
      leaves,
    }
  } finally {
    file.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function publish(folder: string, taken: Snapshot): Leaves {
  const report = reportOf(taken, { blockHash: undefined, stateRoot: taken.root, isVerified: false })
  const leaves = leavesOfSnapshot(taken)
  const texts = [writeLeaves(leaves), writeAccounts(taken), writeLeftOut(taken), writeReport(report)]
  for (const [at, text] of texts.entries()) writeFileSync(join(folder, `${at}`), text)
  return leaves
}
