import { findToken, openManyOf } from '@cloister/chain'
import { CloisterError, formatDuration, secondsAffordable } from '@cloister/core'
import { type ClusterBids, clusters } from '@cloister/sdk'
import { note, Steps, sayJson } from '@cloister/terminal'
import { confirm } from '../../ask.ts'
import { clusterJournal } from '../../cluster-journal.ts'
import { connect } from '../../context.ts'
import { layer2Cost, sayCost } from '../../costs.ts'
import { countOf } from '../../counts.ts'
import { secondsOf } from '../../durations.ts'
import { readManifestFile } from '../../manifest-file.ts'
import { loginsFor } from '../../registry-logins.ts'
import { sealedFrom } from '../../secret-options.ts'
import { hourly, money, short } from '../../show.ts'
import { terms } from '../leases/bid-terms.ts'
import { showLastLines, wantedDeposit } from '../leases/deploy.ts'
import type { DeployOptions } from '../leases/options.ts'
import { sayCluster } from './show.ts'

type UpOptions = DeployOptions & { size: string; perWorker?: string }

export async function runUp(file: string | undefined, options: UpOptions): Promise<void> {
  const cloister = connect(options)
  const { network } = cloister
  const json = options.json === true
  const size = countOf(options.size, '-n')
  const perWorker = options.perWorker === undefined ? undefined : countOf(options.perWorker, '--per-worker')
  const timeoutMs = options.timeout === undefined ? undefined : secondsOf(options.timeout) * 1000
  const parsed = await readManifestFile(file, options, json)
  const name = options.name ?? parsed.name
  if (name === undefined)
    throw new CloisterError('bad-name', 'The file does not say what it is called.', {
      hint: 'Say what the cluster is called: --name mpi.',
    })
  const asked = terms(options, network)
  const steps = new Steps(json)
  const agree = async ({ found, members }: ClusterBids, deposits: bigint[]) => {
    steps.done()
    const rate = members.reduce((sum, { bid }) => sum + bid.ratePerSecond, 0n)
    const deposit = deposits.reduce((sum, amount) => sum + amount, 0n)
    const workers = new Map<string, number>()
    for (const { worker } of members)
      workers.set(short(worker.worker), (workers.get(short(worker.worker)) ?? 0) + 1)
    note(
      `${size} leases on ${[...workers].map(([worker, leases]) => `${worker} (${leases})`).join(', ')}: ${hourly(network, found.token.address, rate)} an hour together. Deposits ${money(network, found.token.address, deposit)}: last ${formatDuration(Number(secondsAffordable(deposit, rate)))}. What is not used is paid back.`,
    )
    const cost = await layer2Cost(cloister.chain, [openManyOf(members.length)], { json })
    if (cost) note(sayCost(cost))
    return confirm('Open the leases?')
  }
  try {
    steps.begin('bids', 'asking workers for bids')
    const status = await clusters.up(cloister, {
      ...asked,
      name,
      size,
      perWorker,
      manifest: parsed.manifest,
      contents: parsed.contents,
      envelope: await sealedFrom(cloister, options, parsed.sealedFiles),
      logins: loginsFor(parsed, options),
      deposit: wantedDeposit(options, findToken(network, asked.pay)),
      journal: clusterJournal(cloister),
      timeoutMs,
      onStep: (step, detail) => steps.begin(step, detail),
      ...(!json && options.yes !== true && { agree }),
    })
    steps.done()
    if (json) return sayJson(status)
    sayCluster(cloister, status)
  } catch (error) {
    steps.fail()
    if (!json) showLastLines(error)
    throw error
  }
}
