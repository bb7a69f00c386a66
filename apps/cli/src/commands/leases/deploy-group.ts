import { type Network, openManyOf } from '@cloister/chain'
import { CloisterError, formatDuration, secondsAffordable, writeLeaseName } from '@cloister/core'
import {
  type AskedDeposit,
  type Cloister,
  type DeployedGroup,
  groups,
  type OpenedReplica,
  type Planned,
} from '@cloister/sdk'
import { note, paint, printable, Steps, say, sayJson, table } from '@cloister/terminal'
import { confirm } from '../../ask.ts'
import { collectorsFrom } from '../../collectors.ts'
import { layer2Cost, sayCost } from '../../costs.ts'
import { secondsOf } from '../../durations.ts'
import type { ManifestFile } from '../../manifest-file.ts'
import { loginsFor } from '../../registry-logins.ts'
import { sealedFrom } from '../../secret-options.ts'
import { attestation, hourly, money, short } from '../../show.ts'
import { fillFrom } from '../../snapshots/fill.ts'
import { terms } from './bid-terms.ts'
import { sayRecords } from './domain-records.ts'
import type { DeployOptions } from './options.ts'

/** A file that is run on several workers. */
export interface GroupFile {
  parsed: ManifestFile
  replicas: number
  name: string | undefined
  deposit: AskedDeposit
}

/** Deploys a file's replicas on as many workers, and shows their one address. */
export async function deployGroup(
  cloister: Cloister,
  { parsed, replicas, name, deposit }: GroupFile,
  options: DeployOptions,
): Promise<void> {
  const json = options.json === true
  if (name === undefined)
    throw new CloisterError(
      'bad-name',
      'Replicas on several workers are reached by a name, and there is none.',
      {
        hint: 'Give --name, or a name in the file.',
      },
    )
  const steps = new Steps(json)
  try {
    const started = performance.now()
    const handed = await handedFrom(cloister, parsed, options, steps)
    const cost = json ? await layer2Cost(cloister.chain, [openManyOf(replicas)], { json }) : undefined
    const deployed = await groups.deploy(cloister, {
      ...terms(options, cloister.network),
      ...handed,
      name,
      replicas,
      deposit,
      keepFailed: options.keep === true,
      onStep: (step, detail) => steps.begin(step, detail),
      agree: agreementTo(cloister, options, steps, `Open ${replicas} leases?`),
    })
    steps.done()
    const totalMs = Math.round(performance.now() - started)
    if (json) return sayJson({ ...deployed, totalMs, cost })
    sayDeployed(cloister, deployed, totalMs)
    const [first] = deployed.replicas
    if (first) sayRecords(cloister, parsed.manifest, { lease: first.lease, wishedName: deployed.name })
    say('')
    say(
      paint(
        'dim',
        `  cloister ps    cloister logs ${name} -f    cloister scale ${name}=${replicas + 1}    cloister close ${name}`,
      ),
    )
  } catch (error) {
    steps.fail()
    throw error
  }
}

/** What workers are given besides the manifest, as options say. */
export async function handedFrom(
  cloister: Cloister,
  parsed: ManifestFile,
  options: DeployOptions,
  steps: Steps,
) {
  const { manifest, contents } = parsed
  const fill =
    options.from === undefined
      ? undefined
      : await fillFrom(options.from, manifest, options, (detail) => steps.begin('start', detail))
  return {
    manifest,
    contents,
    envelope: await sealedFrom(cloister, options, parsed.sealedFiles),
    logins: loginsFor(parsed, options),
    collectors: options.logsTo && collectorsFrom(options.logsTo, options),
    fill,
    timeoutMs: options.timeout === undefined ? undefined : secondsOf(options.timeout) * 1000,
  }
}

/** Shows what would be opened and asks; undefined where nobody is to be asked. */
export function agreementTo(
  { network, chain }: Pick<Cloister, 'network' | 'chain'>,
  { json, yes }: Pick<DeployOptions, 'json' | 'yes'>,
  steps: Steps,
  question: string,
): ((planned: readonly Planned[]) => Promise<boolean>) | undefined {
  if (json === true || yes === true) return undefined
  return async (planned) => {
    steps.done()
    note('')
    note(
      replicaTable(
        network,
        planned.map(({ replica, chosen: { worker, bid }, deposit }) => ({
          replica,
          worker: worker.worker,
          provider: worker.provider,
          token: bid.token,
          ratePerSecond: bid.ratePerSecond,
          deposit,
          attestation: worker.attestation,
        })),
      ),
    )
    const [first] = planned
    if (!first) return false
    const { token } = first.chosen.bid
    const rate = planned.reduce((sum, { chosen }) => sum + chosen.bid.ratePerSecond, 0n)
    const total = planned.reduce((sum, { deposit }) => sum + deposit, 0n)
    const lasts = Math.min(
      ...planned.map(({ chosen, deposit }) => Number(secondsAffordable(deposit, chosen.bid.ratePerSecond))),
    )
    note('')
    note(
      `Deposit ${money(network, token, total)} in all: lasts ${formatDuration(lasts)} at ${hourly(network, token, rate)} an hour. What is not used is paid back.`,
    )
    const cost = await layer2Cost(chain, [openManyOf(planned.length)], { json: false })
    if (cost) note(sayCost(cost))
    return confirm(question)
  }
}

/** Replicas, each with its worker and price. */
export function replicaTable(network: Network, replicas: readonly Omit<OpenedReplica, 'lease'>[]): string {
  return table(
    ['replica', 'worker', 'provider', 'price/hour', 'deposit', 'attestation'],
    replicas.map((one) => [
      String(one.replica),
      short(one.worker),
      short(one.provider),
      hourly(network, one.token, one.ratePerSecond),
      money(network, one.token, one.deposit),
      attestation(one.attestation),
    ]),
    ['price/hour', 'deposit'],
  )
}

function sayDeployed(
  { network }: Cloister,
  { name, replicas, routes }: DeployedGroup,
  totalMs: number,
): void {
  say('')
  say(replicaTable(network, replicas))
  say('')
  say(
    `${paint('green', '●')} ${paint('bold', name)} runs on ${replicas.length} workers, opened with one transaction, ready after ${(totalMs / 1000).toFixed(2)} s.`,
  )
  for (const { service, url, loopbackUrl } of routes) {
    say(`  ${printable(service).padEnd(10)} ${paint(['bold', 'cyan'], printable(loopbackUrl ?? url))}`)
    if (loopbackUrl) say(`  ${''.padEnd(10)} ${paint('cyan', printable(url))}`)
  }
  if (routes.length === 0)
    note(
      `${paint('yellow', '!', process.stderr)} It has no address of its own: the file publishes no HTTP port, or an open lease of somebody else is called ${name}. See its replicas with cloister status ${writeLeaseName({ name, replica: 0 })}.`,
    )
}
