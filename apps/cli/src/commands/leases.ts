import { CloisterError, formatCpu, formatDuration, formatMiB, parseAmount, shortId } from '@cloister/core'
import { close, exec, findLease, type LeaseStatus, status, topUp, update, walletOf, workerAsTenant } from '@cloister/sdk'
import { bar, facts, note, paint, printable, Steps, say, sayJson, table } from '@cloister/terminal'
import type { Command } from 'commander'
import { command, connect, type Globals } from '../context.ts'
import { type ManifestOptions, readManifestFile, withManifestOptions } from '../manifest-file.ts'
import { type SecretOptions, sealedFrom, withSecretOptions } from '../secret-options.ts'
import { attestation, hourly, instant, money, short, since, state } from '../show.ts'

export function addLeases(program: Command): void {
  command(program, 'ps', 'your leases: what is running, what it costs so far, how long the money lasts', 'cloister ps --all')
    .option('-a, --all', 'closed ones as well')
    .action(showLeases)
  command(program, 'status <lease>', 'one lease: services, money, addresses', 'cloister status my-app').action(showStatus)
  command(program, 'logs <lease>', 'what the services print', 'cloister logs my-app -f --service web')
    .option('-f, --follow', 'go on with what comes')
    .option('--service <name>', 'only this service or container')
    .option('--tail <lines>', 'only that many last lines', '1000')
    .action(showLogs)
  command(program, 'events <lease>', 'what happened to a lease', 'cloister events my-app -f').option('-f, --follow', 'go on with what comes').action(showEvents)
  command(program, 'exec <lease> <command...>', 'run a command in a lease; interactive on a terminal', 'cloister exec my-app -- sh')
    .option('--service <name>', 'the service or container to run it in')
    .action(runExec)
  command(program, 'metrics <lease>', 'CPU, memory, processes and disk a lease uses', 'cloister metrics my-app').action(showMetrics)
  const updateCommand = command(
    program,
    'update <lease> <file>',
    'a new manifest on the same lease, worker and address; the old one is back if the new one does not start',
    'cloister update my-app compose.yaml',
  )
  withSecretOptions(withManifestOptions(updateCommand)).action(runUpdate)
  command(program, 'top-up <lease> <amount>', 'add money, in whole tokens of the lease', 'cloister top-up my-app 2.5').action(runTopUp)
  command(program, 'close <lease>', 'stop everything; what is left is back in the same transaction', 'cloister close my-app').action(runClose)
}

async function showLeases(options: Globals & { all?: boolean }): Promise<void> {
  const cloister = connect(options)
  const { account } = walletOf(cloister)
  const { items } = await cloister.index.leases({ tenant: account.address, limit: 200, ...(options.all !== true && { open: true }) })
  const found = await Promise.all(items.map((lease) => status(cloister, lease.lease)))
  if (options.json) return sayJson(found.map(statusJson))
  if (found.length === 0) return say(`${options.all ? 'No leases' : 'No open leases'} of ${short(account.address)}. Deploy one: cloister deploy FILE`)
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
      ['notice', lease.noticeUntil === undefined ? undefined : `the provider ends this lease on ${instant(lease.noticeUntil)}`],
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
      ['failed', lease.failed ? `${printable(lease.failed.reason)} (manifest ${lease.failed.manifestHash.slice(0, 18)}…)` : undefined],
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
function describeAttestation({ attestation: standing, coveredUntil, state: leaseState }: LeaseStatus): string {
  if (leaseState === 'closed') return ''
  const left = coveredUntil - Math.floor(Date.now() / 1000)
  if (standing === 'lapsed') return `${attestation(standing)} since ${instant(coveredUntil)}: nothing is paid until it is renewed`
  return `${attestation(standing)} until ${instant(coveredUntil)} (${formatDuration(Math.max(0, left))} more)`
}

/** Gaps in the worker's coverage, and what they cost the provider. */
function describeGaps({ uncoveredSeconds, uncoveredCost, token }: LeaseStatus, network: Parameters<typeof money>[0]): string | undefined {
  if (uncoveredSeconds === 0) return undefined
  return `${formatDuration(uncoveredSeconds)}, which you did not pay for and cost the provider ${money(network, token, uncoveredCost)}`
}

function statusJson({ symbol: _, ...lease }: LeaseStatus) {
  return { ...lease, services: lease.services.map((service) => ({ ...service })) }
}

async function showLogs(key: string, options: Globals & { follow?: boolean; service?: string; tail: string }): Promise<void> {
  const cloister = connect(options)
  const lease = await findLease(cloister, key)
  if (!/^\d{1,5}$/.test(options.tail) || Number(options.tail) > 10_000) throw new CloisterError('bad-option', '--tail takes a number of lines up to 10000.')
  const aborter = onInterrupt()
  const containers = new Map<string, number>()
  const colours = ['cyan', 'magenta', 'yellow', 'green', 'blue'] as const
  for await (const line of workerAsTenant(cloister, lease).logs(lease.lease, {
    service: options.service,
    tail: Number(options.tail),
    follow: options.follow === true,
    signal: aborter.signal,
  })) {
    if (options.json) {
      sayJson(line)
      continue
    }
    if (!containers.has(line.container)) containers.set(line.container, containers.size)
    const colour = colours[(containers.get(line.container) ?? 0) % colours.length] ?? 'cyan'
    await written(
      `${paint(colour, printable(line.container).padEnd(10))} ${printable(line.text)}\n`,
      line.stream === 'stderr' ? process.stderr : process.stdout,
    )
  }
  sayEnded(options, aborter.signal)
}

/** Tells a person who follows that nothing more will come. */
function sayEnded({ follow, json }: Globals & { follow?: boolean }, { aborted }: AbortSignal): void {
  if (follow === true && json !== true && !aborted) note(paint('dim', 'The lease has ended.', process.stderr))
}

async function showEvents(key: string, options: Globals & { follow?: boolean }): Promise<void> {
  const cloister = connect(options)
  const lease = await findLease(cloister, key)
  const aborter = onInterrupt()
  for await (const event of workerAsTenant(cloister, lease).events(lease.lease, { follow: options.follow === true, signal: aborter.signal })) {
    if (options.json) sayJson(event)
    else say(`${paint('dim', new Date(event.time).toISOString().slice(0, 19).replace('T', ' '))}  ${event.kind.padEnd(13)} ${printable(event.message)}`)
  }
  sayEnded(options, aborter.signal)
}

async function runExec(key: string, argv: string[], options: Globals & { service?: string }): Promise<void> {
  const cloister = connect(options)
  const lease = await findLease(cloister, key)
  const interactive = process.stdin.isTTY === true && process.stdout.isTTY === true && options.json !== true
  const size = () => ({ columns: process.stdout.columns ?? 80, rows: process.stdout.rows ?? 24 })
  if (interactive) process.stdin.setRawMode(true)
  try {
    const code = await exec(workerAsTenant(cloister, lease), {
      lease: lease.lease,
      container: options.service,
      argv,
      terminal: interactive ? size() : undefined,
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      onResizable: (resize) => {
        if (interactive) process.stdout.on('resize', () => resize(size().columns, size().rows))
      },
    })
    if (options.json) sayJson({ exitCode: code })
    if (code !== 0 && !interactive) note(paint('dim', `exit code ${code}`, process.stderr))
    process.exitCode = code === 0 ? 0 : 1
  } finally {
    if (interactive) process.stdin.setRawMode(false)
  }
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
        const cpuMilli = before ? Math.max(0, ((container.cpuSeconds - before.cpuSeconds) / elapsed) * 1000) : 0
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
  say(`disk  ${bar(mib(metrics.diskBytes), metrics.diskMiBLimit)}  ${mib(metrics.diskBytes)} MiB of ${formatMiB(metrics.diskMiBLimit)}`)
}

async function runUpdate(key: string, file: string, options: Globals & ManifestOptions & SecretOptions): Promise<void> {
  const cloister = connect(options)
  const { manifest } = readManifestFile(file, options, options.json === true)
  const steps = new Steps(options.json === true)
  try {
    steps.begin('update')
    const envelope = await sealedFrom(cloister, options)
    const updated = await update(cloister, key, manifest, { onStep: (detail) => steps.begin('update', detail), envelope })
    steps.done()
    if (options.json) return sayJson(updated)
    if (!updated.handedOver) return say('The lease runs that manifest already.')
    const what = updated.transaction ? 'the new manifest' : envelope ? 'the manifest with the new secrets,' : 'the manifest again,'
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
    say(
      `Closed ${shortId(closed.lease)}. It cost ${money(cloister.network, closed.token, closed.spent)}; ${money(cloister.network, closed.token, closed.refund)} are back in your account.`,
    )
  } catch (error) {
    steps.fail()
    throw error
  }
}

/** Ends a stream of lines with Ctrl-C, without an error. */
function onInterrupt(): AbortController {
  const aborter = new AbortController()
  process.once('SIGINT', () => aborter.abort())
  process.stdout.once('error', () => aborter.abort())
  return aborter
}

async function written(text: string, stream: NodeJS.WriteStream): Promise<void> {
  if (!stream.write(text)) await new Promise((resolve) => stream.once('drain', resolve))
}
