import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CloisterError } from '@cloister/core'
import {
  LegacyNode,
  leavesOfSnapshot,
  type Provenance,
  parsePureProxies,
  reportOf,
  stateRootOf,
  takeSnapshot,
  verifyState,
  writeAccounts,
  writeLeaves,
  writeLeftOut,
  writeReport,
} from '@cloister/migration'
import { readChain, readExport, StateFile } from '@cloister/migration/node'
import { bar, Steps, say, sayJson } from '@cloister/terminal'
import type { Hex } from 'viem'
import type { Globals } from '../../command.ts'
import { writeOutput } from '../../output-file.ts'
import { readInput } from './input.ts'

export interface SnapshotOptions extends Globals {
  rpc?: string
  block?: string
  state?: string
  pureProxies?: string
  output: string
}

export async function snapshot(options: SnapshotOptions): Promise<void> {
  const { rpc, block, state, output } = options
  if (state === undefined && rpc === undefined)
    throw new CloisterError('bad-option', 'Where the legacy chain’s state is to come from is not said.', {
      hint: 'Say --rpc URL --block BLOCK, or --state FILE.',
    })
  if ((rpc === undefined) !== (block === undefined))
    throw new CloisterError('bad-option', '--rpc and --block go together.')
  const steps = new Steps(options.json === true)
  const node = rpc === undefined ? undefined : new LegacyNode(rpc)
  const header = node && block !== undefined ? await steps.until(headerOf(node, block, steps)) : undefined
  mkdirSync(output, { recursive: true })
  const source = state === undefined ? (header?.hash ?? '') : resolve(state)
  const file = new StateFile(join(output, 'state.sqlite'), { source })
  try {
    await steps.until(read(file, options, node, header?.hash, steps))
    const provenance = await steps.until(verify(file, header, steps))
    await steps.until(count(file, provenance, options, steps))
  } finally {
    file.close()
  }
}

async function headerOf(node: LegacyNode, block: string, steps: Steps) {
  steps.begin('header', block)
  const isHash = /^0x[0-9a-fA-F]{64}$/.test(block)
  if (!isHash && !/^\d{1,9}$/.test(block))
    throw new CloisterError('bad-option', `${block.slice(0, 80)} is neither a block’s hash nor its number.`)
  const hash = isHash ? (block.toLowerCase() as Hex) : await node.blockHash(Number(block))
  return { hash, stateRoot: (await node.header(hash)).stateRoot }
}

async function read(
  file: StateFile,
  { state }: SnapshotOptions,
  node: LegacyNode | undefined,
  hash: Hex | undefined,
  steps: Steps,
): Promise<void> {
  steps.begin('state')
  if (state !== undefined) return readExport(state, file)
  if (!node || !hash) return
  await readChain(node, hash, file, ({ pairs, part }) =>
    steps.begin('state', `${bar(part, 1)} ${Math.round(part * 100)}%, ${pairs} pairs`),
  )
}

async function verify(
  file: StateFile,
  header: { hash: Hex; stateRoot: Hex } | undefined,
  steps: Steps,
): Promise<Provenance> {
  steps.begin('proof', `${file.count} pairs`)
  if (!header) return { blockHash: undefined, stateRoot: stateRootOf(file, 0), isVerified: false }
  verifyState(file, header.stateRoot)
  return { blockHash: header.hash, stateRoot: header.stateRoot, isVerified: true }
}

async function count(
  file: StateFile,
  provenance: Provenance,
  { output, json, pureProxies }: SnapshotOptions,
  steps: Steps,
): Promise<void> {
  steps.begin('count')
  const table = pureProxies === undefined ? undefined : readInput(pureProxies)
  const taken = takeSnapshot(file, table === undefined ? undefined : parsePureProxies(table))
  const hash = table === undefined ? undefined : createHash('sha256').update(table).digest('hex')
  const report = reportOf(taken, { ...provenance, ...(hash !== undefined && { pureProxies: hash }) })
  const text = writeReport(report)
  const files = {
    'leaves.json': writeLeaves(leavesOfSnapshot(taken)),
    'accounts.csv': writeAccounts(taken),
    'left-out.csv': writeLeftOut(taken),
    'report.json': `${JSON.stringify(report, undefined, 2)}\n`,
    'report.md': text,
  }
  for (const [name, content] of Object.entries(files)) writeOutput(join(output, name), content)
  steps.done()
  if (json) return sayJson({ ...report, files: Object.keys(files).map((name) => join(output, name)) })
  say(text)
  say(`In ${output}: ${Object.keys(files).join(', ')}. Whoever makes it anew gets the same root.`)
}
