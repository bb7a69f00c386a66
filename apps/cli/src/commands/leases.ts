import { formatCpu, formatDuration, formatMiB, parseAmount, parsePolicy, shortId } from '@cloister/core'
import {
  close,
  findLease,
  type LeaseStatus,
  status,
  topUp,
  update,
  walletOf,
  workerAsTenant,
} from '@cloister/sdk'
import { bar, facts, paint, printable, Steps, say, sayJson, table } from '@cloister/terminal'
import type { Command } from 'commander'
import { command, connect, type Globals } from '../context.ts'
import { secondsOf } from '../durations.ts'
import { type ManifestOptions, readManifestFile, withManifestOptions } from '../manifest-file.ts'
import { type LoginOptions, loginsFor, withLoginOption } from '../registry-logins.ts'
import { type SecretOptions, sealedFrom, withSecretOptions } from '../secret-options.ts'
import { attestation, hourly, instant, money, short, since, state } from '../show.ts'

export function addLeases(program: Command): void {
  command(
    program,
    'ps',
    'your leases: what is running, what it costs so far, how long the money lasts',
    'cloister ps --all',
  )
    .option('-a, --all', 'closed ones as well')
    .action(showLeases)
  command(
    program,
    'status <lease>',
    'one lease: services, money, addresses',
    'cloister status my-app',
  ).action(showStatus)
  command(
    program,
    'metrics <lease>',
    'CPU, memory, processes and disk a lease uses',
    'cloister metrics my-app',
  ).action(showMetrics)
  const updateCommand = command(
    program,
    'update <lease> <file>',
    'a new manifest on the same lease, worker and address; the old one is back if the new one does not start',
    'cloister update my-app compose.yaml',
  )
  withLoginOption(withSecretOptions(withManifestOptions(updateCommand)))
    .option(
      '--policy <policy>',
      'what the machine has to prove anew before it gets anything, as with `deploy`',
    )
    .option(
      '--pull',
      'look up anew what the tags of its images mean, also where the file is what runs already',
    )
    .option(
      '--timeout <time>',
      'give up after so long, such as 20m; default: what the health checks of the file allow',
    )
    .action(runUpdate)
  command(
    program,
    'top-up <lease> <amount>',
    'add money, in whole tokens of the lease',
    'cloister top-up my-app 2.5',
  ).action(runTopUp)
  command(
    program,
    'close <lease>',
    'stop everything; what is left is back in the same transaction',
    'cloister close my-app',
  ).action(runClose)
}

async function showLeases(options: Globals & { all?: boolean }): Promise<void> {
  const cloister = connect(options)
  const { account } = walletOf(cloister)
  const { items } = await cloister.index.leases({
    tenant: account.address,
    limit: 200,
    ...(options.all !== true && { open: true }),
  })
  const found = await Promise.all(items.map((lease) => status(cloister, lease.lease)))
  if (options.json) return sayJson(found.map(statusJson))
  if (found.length === 0)
    return say(
      `${options.all ? 'No leases' : 'No open leases'} of ${short(account.address)}. Deploy one: cloister deploy FILE`,
    )
  say(
    table(
      ['lease', 'name', 'state', 'services', 'age', 'price/hour', 'spent', 'left', 'lasts', 'attestation'],
      found.map((lease) => [
        lease.shortId,
        lease.name ?? '',
        state(lease.state),
        lease.services.map((service) => printable(service.name)).join(' '),
        since(lease.openedAt),
        hourly(cloister.network, lease.token, lease.ratePerSecond),
        money(cloister.network, lease.token, lease.spent),
        lease.state === 'closed' ? '' : money(cloister.network, lease.token, lease.balance),
        lease.state === 'closed' ? '' : formatDuration(lease.secondsLeft),
        attestation(lease.attestation),
      ]),
      ['price/hour', 'spent', 'left'],
    ),
  )
}

async function showStatus(key: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const lease = await status(cloister, key)
  if (options.json) return sayJson(statusJson(lease))
  const { network } = cloister
  say(
    facts([
      ['lease', lease.lease],
      ['name', lease.name],
      ['state', state(lease.state)],
      ['attestation', describeAttestation(lease)],
      ['not covered', describeGaps(lease, network)],
      [
        'notice',
        lease.noticeUntil === undefined
          ? undefined
          : `the provider ends this lease on ${instant(lease.noticeUntil)}`,
      ],
      ['worker', `${lease.worker} of ${short(lease.provider)}`],
      ['price', `${hourly(network, lease.token, lease.ratePerSecond)} an hour`],
      ['paid in', money(network, lease.token, lease.deposit)],
      ['spent', money(network, lease.token, lease.spent)],
      [
        'left',
        lease.state === 'closed'
          ? undefined
          : `${money(network, lease.token, lease.balance)}  ${bar(Number(lease.balance), Number(lease.deposit))}  lasts ${formatDuration(lease.secondsLeft)}`,
      ],
      ['paid until', lease.paidUntil === undefined ? undefined : instant(lease.paidUntil)],
      ['refund', lease.state === 'closed' ? money(network, lease.token, lease.refund) : undefined],
      ['opened', `${instant(lease.openedAt)} (${since(lease.openedAt)} ago)`],
      ['closed', lease.closedAt === undefined ? undefined : instant(lease.closedAt)],
      ['manifest', lease.manifestHash],
      [
        'failed',
        lease.failed
          ? `${printable(lease.failed.reason)} (manifest ${lease.failed.manifestHash.slice(0, 18)}…)`
          : undefined,
      ],
      ['problem', lease.problem],
    ]),
  )
  if (lease.services.length > 0) {
    say()
    say(
      table(
        ['container', 'state', 'restarts', 'since', 'image', 'digest', ''],
        lease.services.map((service) => [
          printable(service.name),
          state(service.state),
          String(service.restarts),
          service.startedAt === undefined ? '' : since(Math.round(service.startedAt / 1000)),
          printable(service.image),
          printable(service.digest).slice(0, 19),
          printable(service.reason ?? ''),
        ]),
        ['restarts'],
      ),
    )
  }
  if (lease.routes.length === 0) return
  say()
  for (const route of lease.routes)
    say(
      `${printable(route.service).padEnd(10)} ${[route.loopbackUrl, route.namedUrl, route.url]
        .filter((url) => url !== undefined)
        .map((url) => paint('cyan', printable(url)))
        .join('  ')}`,
    )
}

/** Until when the worker is attested, as a person reads it. */
function describeAttestation({
  attestation: standing,
  coveredUntil,
  state: leaseState,
}: LeaseStatus): string {
  if (leaseState === 'closed') return ''
  const left = coveredUntil - Math.floor(Date.now() / 1000)
  if (standing === 'lapsed')
    return `${attestation(standing)} since ${instant(coveredUntil)}: nothing is paid until it is renewed`
  return `${attestation(standing)} until ${instant(coveredUntil)} (${formatDuration(Math.max(0, left))} more)`
}

/** Gaps in the worker's coverage, and what they cost the provider. */
function describeGaps(
  { uncoveredSeconds, uncoveredCost, token }: LeaseStatus,
  network: Parameters<typeof money>[0],
): string | undefined {
  if (uncoveredSeconds === 0) return undefined
  return `${formatDuration(uncoveredSeconds)}, which you did not pay for and cost the provider ${money(network, token, uncoveredCost)}`
}

function statusJson({ symbol: _, ...lease }: LeaseStatus) {
  return { ...lease, services: lease.services.map((service) => ({ ...service })) }
}

async function showMetrics(key: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const lease = await findLease(cloister, key)
  const worker = workerAsTenant(cloister, lease)
  const first = await worker.metrics(lease.lease)
  if (options.json) return sayJson(first)
  // CPU in use is the difference of two readings.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const metrics = await worker.metrics(lease.lease)
  const elapsed = (metrics.time - first.time) / 1000
  const mib = (bytes: number) => Math.round(bytes / 1024 / 1024)
  say(
    table(
      ['container', 'cpu', '', 'memory', '', 'processes'],
      metrics.containers.map((container) => {
        const before = first.containers.find((other) => other.name === container.name)
        const cpuMilli = before
          ? Math.max(0, ((container.cpuSeconds - before.cpuSeconds) / elapsed) * 1000)
          : 0
        return [
          printable(container.name),
          bar(cpuMilli, container.cpuMilliLimit),
          `${(cpuMilli / 1000).toFixed(2)} of ${formatCpu(container.cpuMilliLimit)}`,
          bar(mib(container.memoryBytes), container.memoryMiBLimit),
          `${mib(container.memoryBytes)} of ${formatMiB(container.memoryMiBLimit)}`,
          `${container.processes} of ${container.processesLimit}`,
        ]
      }),
    ),
  )
  say()
  say(
    `disk  ${bar(mib(metrics.diskBytes), metrics.diskMiBLimit)}  ${mib(metrics.diskBytes)} MiB of ${formatMiB(metrics.diskMiBLimit)}`,
  )
}

type UpdateCommandOptions = Globals &
  ManifestOptions &
  SecretOptions &
  LoginOptions & { policy?: string; timeout?: string; pull?: boolean }

async function runUpdate(key: string, file: string, options: UpdateCommandOptions): Promise<void> {
  const cloister = connect(options)
  const parsed = readManifestFile(file, options, options.json === true)
  const steps = new Steps(options.json === true)
  try {
    steps.begin('update')
    const envelope = await sealedFrom(cloister, options)
    const updated = await update(cloister, key, parsed.manifest, {
      onStep: (detail) => steps.begin('update', detail),
      policy:
        options.policy === undefined ? undefined : parsePolicy(options.policy, cloister.network.development),
      envelope,
      logins: loginsFor(parsed, options),
      pull: options.pull,
      timeoutMs: options.timeout === undefined ? undefined : secondsOf(options.timeout) * 1000,
    })
    steps.done()
    if (options.json) return sayJson(updated)
    if (!updated.handedOver)
      return say(
        'The lease runs that manifest already. Images that were pushed again under their tags are taken with --pull.',
      )
    const what = updated.transaction
      ? 'the new manifest'
      : envelope
        ? 'the manifest with the new secrets,'
        : 'the manifest again,'
    say(`${paint('green', '●')} The lease runs ${what} ${updated.manifestHash.slice(0, 18)}….`)
  } catch (error) {
    steps.fail()
    throw error
  }
}

async function runTopUp(key: string, text: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const added = await topUp(cloister, key, ({ decimals }) => parseAmount(text, decimals))
  if (options.json) return sayJson(added)
  say(
    `Added ${money(cloister.network, added.token, added.amount)} to ${shortId(added.lease)}; it lasts ${formatDuration(Number(added.balance / added.ratePerSecond))} from its last settlement.`,
  )
}

async function runClose(key: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const steps = new Steps(options.json === true)
  try {
    steps.begin('close', 'settling, stopping, refunding')
    const closed = await close(cloister, key)
    steps.done()
    if (options.json) return sayJson(closed)
    const shown = (amount: bigint) => money(cloister.network, closed.token, amount)
    say(
      `Closed ${shortId(closed.lease)}. It cost ${shown(closed.spent)}; ${shown(closed.refund)} are back in your account.`,
    )
    if (closed.credited > 0n)
      say(
        `${shown(closed.credited)} wait for you, since the token does not move now: cloister wallet withdraw`,
      )
  } catch (error) {
    steps.fail()
    throw error
  }
}
