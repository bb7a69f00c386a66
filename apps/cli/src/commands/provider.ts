import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Log } from '@cloister/agent'
import { getBilling, getCredit, getWorker, loadNetwork, setCommission, withdrawCredit } from '@cloister/chain'
import { CloisterError, formatAmount, formatDuration } from '@cloister/core'
import { createCloister, walletOf, workerOfRecord } from '@cloister/sdk'
import { facts, note, paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Command } from 'commander'
import { parseDocument } from 'yaml'
import { command, connect } from '../context.ts'
import { payee } from '../payee.ts'
import { resources } from '../show.ts'
import { type ConfigOptions, openProvider, type ProviderOptions, withConfig } from './provider-config.ts'
import { endLease } from './provider-end.ts'
import { join } from './provider-join.ts'
import { showRewards } from './provider-rewards.ts'
import { readableLog, runUntilAsked } from './provider-run.ts'

// The agent is loaded where it is needed: the other commands start faster without it.

export function addProvider(program: Command): void {
  const provider = program.command('provider').description('earn with this machine; no approval is needed')
  const sub = (usage: string, summary: string, example: string) =>
    command(provider, usage, summary, example).option(
      '-c, --config <file>',
      'the configuration file',
      'provider.yaml',
    )
  withConfig(
    sub(
      'join',
      'everything from nothing to earning: configuration, registration, stake, attestation, collateral, a first bid; then runs the worker',
      'cloister provider join --account alice --endpoint https://worker.example.com --gpus 8 --gpu-class h200',
    ),
  )
    .option('--stake <amount>', 'CLOI for your own pool; default: the collateral that the GPUs need')
    .option('--no-run', 'stop after the first bid instead of running on')
    .action(join)
  withConfig(
    sub(
      'init',
      'write a configuration file if there is none, and register the worker it describes',
      'cloister provider init --account alice --endpoint https://worker.example.com',
    ),
  ).action(init)
  sub('run', 'run the worker until Ctrl-C', 'cloister provider run -c provider.yaml').action(run)
  sub('status', 'what the worker does and what there is to withdraw', 'cloister provider status').action(
    showStatus,
  )
  sub('rewards', 'what this provider’s GPUs and stake earned, hour by hour', 'cloister provider rewards')
    .option('--hours <number>', 'how many hours to show', '24')
    .action(showRewards)
  sub(
    'commission <percent>',
    'what the provider keeps of what its pool’s stake earns; more holds after a week',
    'cloister provider commission 5',
  ).action(commission)
  command(
    provider,
    'end <lease>',
    'give a lease notice; its worker serves it until then, and closes it',
    'cloister provider end 7f3a9c…',
  ).action(endLease)
  sub('withdraw', 'take out what was earned', 'cloister provider withdraw --to 0x…')
    .option('--to <address>', 'account to send it to; default: the provider')
    .action(withdraw)
  sub(
    'price [token]',
    'show prices, or set them; a running worker takes them up at once',
    'cloister provider price USDC --cpu 0.02 --memory 0.005',
  )
    .option('--cpu <amount>', 'one CPU for an hour')
    .option('--memory <amount>', 'one GiB of memory for an hour')
    .option('--disk <amount>', 'one GiB of disk for an hour')
    .option('--minimum-deposit <amount>', 'the least that a lease is opened with')
    .option('--gpu <class=amount...>', 'one GPU of a class for an hour')
    .action(price)
}

async function init(options: ConfigOptions, self: Command): Promise<void> {
  const { enrolWorker, loadWorkerKey } = await import('@cloister/agent')
  const { path, config, wallet } = await openProvider(options, self)
  const key = loadWorkerKey(config.folder)
  const outcome = await enrolWorker(wallet, key, config)
  if (options.json)
    return sayJson({ config: path, worker: key.address, provider: wallet.account.address, outcome })
  say(
    `The worker ${key.address} is ${outcome === 'unchanged' ? 'registered as it is' : outcome} for the provider ${wallet.account.address}.`,
  )
  say(paint('dim', `  Start it: cloister provider run -c ${options.config}`))
}

async function run(options: ProviderOptions): Promise<void> {
  const { jsonLog, loadAgentConfig, startWorker } = await import('@cloister/agent')
  const config = loadAgentConfig(resolve(options.config))
  const log: Log = options.json || !process.stdout.isTTY ? jsonLog(config.name) : readableLog()
  await runUntilAsked({ config, path: resolve(options.config), log, start: () => startWorker(config, log) })
}

async function showStatus(options: ProviderOptions): Promise<void> {
  const { loadAgentConfig, loadTlsKey, loadWorkerKey } = await import('@cloister/agent')
  const config = loadAgentConfig(resolve(options.config))
  const network = loadNetwork(config.network)
  const cloister = createCloister({ network })
  const { address } = loadWorkerKey(config.folder)
  const worker = await getWorker(cloister.chain, address)
  if (!worker)
    throw new CloisterError('not-registered', `The worker ${address} is not registered.`, {
      hint: 'Register it with `cloister provider init`.',
    })
  const [billing, block, gas, report, leases, ...credits] = await Promise.all([
    getBilling(cloister.chain, address),
    cloister.chain.client.getBlock(),
    cloister.chain.client.getBalance({ address }),
    // The provider asks its own machine, wherever that is.
    workerOfRecord(
      { development: true },
      { endpoint: config.endpoint, worker: address, tlsKeyHash: loadTlsKey(config.folder).hash },
    )
      .report(AbortSignal.timeout(3_000))
      .catch(() => undefined),
    cloister.index.leases({ worker: address, open: true, limit: 200 }),
    ...network.tokens.map((token) => getCredit(cloister.chain, worker.provider, token.address)),
  ])
  const coveredFor = Number(billing.until - block.timestamp)
  const withdrawable = network.tokens.map((token, i) => ({
    symbol: token.symbol,
    amount: credits[i] ?? 0n,
    decimals: token.decimals,
  }))
  if (options.json)
    return sayJson({
      worker: address,
      provider: worker.provider,
      endpoint: worker.description.endpoint,
      answers: report !== undefined,
      attestation:
        coveredFor <= 0 ? 'lapsed' : network.attestation.root === undefined ? 'attested' : 'simulated',
      evidence: report?.evidence,
      alarm: report?.alarm,
      coveredSeconds: billing.coveredSeconds,
      coveredFor,
      gas,
      openLeases: leases.items,
      withdrawable,
    })
  say(
    facts([
      ['worker', address],
      ['provider', worker.provider],
      [
        'endpoint',
        `${printable(worker.description.endpoint)} ${report ? paint('green', 'answers') : paint('red', 'does not answer')}`,
      ],
      [
        'coverage',
        `${coveredFor > 0 ? `for ${formatDuration(coveredFor)} more` : paint('red', 'none')} ${network.attestation.root === undefined ? '' : ' (simulated)'}, ${formatDuration(Number(billing.coveredSeconds))} so far`,
      ],
      ['evidence', report && printable(report.evidence)],
      ['alarm', report?.alarm && paint('red', printable(report.alarm))],
      ['has', resources(worker.description, worker.description.gpuClass)],
      ['free', report && resources(report.free, report.gpuClass)],
      [
        'engine',
        report && `${report.isolation.engine}; not kept apart: ${report.isolation.missing.join(', ')}`,
      ],
      ['gas', `${formatAmount(gas, 18)} ETH`],
      [
        'to withdraw',
        withdrawable
          .map(({ symbol, amount, decimals }) => `${formatAmount(amount, decimals)} ${symbol}`)
          .join(', '),
      ],
    ]),
  )
  if (leases.items.length > 0)
    say(
      `\n${table(
        ['lease', 'tenant', 'rate/s', 'opened'],
        leases.items.map((lease) => [
          lease.shortId,
          lease.tenant,
          lease.ratePerSecond,
          new Date(lease.openedAt * 1000).toISOString(),
        ]),
      )}`,
    )
}

async function commission(percent: string, options: ProviderOptions): Promise<void> {
  const bps = Math.round(Number(percent) * 100)
  if (!/^\d{1,2}(\.\d{1,2})?$/.test(percent) || bps > 5_000)
    throw new CloisterError('bad-option', 'A commission is a percentage from 0 to 50, such as 5 or 7.5.')
  const { transactionHash } = await setCommission(walletOf(connect(options)), bps)
  if (options.json) return sayJson({ bps, transaction: transactionHash })
  say(
    `The commission is ${percent}%: at once if that is less than before, in a week if it is more. GPU rewards are always shared half and half.`,
  )
}

async function withdraw(options: ProviderOptions & { to?: string }): Promise<void> {
  const { loadAgentConfig } = await import('@cloister/agent')
  const network = existsSync(resolve(options.config))
    ? loadAgentConfig(resolve(options.config)).network
    : options.network
  const cloister = connect({ ...options, ...(network !== undefined && { network }) })
  const wallet = walletOf(cloister)
  const to =
    options.to === undefined ? wallet.account.address : payee(options.to, 'the wallet that is to have it')
  const done: { symbol: string; amount: string; transaction: string }[] = []
  for (const token of cloister.network.tokens) {
    const amount = await getCredit(wallet, wallet.account.address, token.address)
    if (amount > 0n)
      done.push({
        symbol: token.symbol,
        amount: formatAmount(amount, token.decimals),
        transaction: (await withdrawCredit(wallet, token.address, to)).transactionHash,
      })
  }
  if (options.json) return sayJson(done)
  if (done.length === 0)
    return say(
      `There is nothing to withdraw for ${wallet.account.address}. What leases earn is settled from time to time.`,
    )
  for (const { amount, symbol } of done) say(`Sent ${amount} ${symbol} to ${to}.`)
}

async function price(
  token: string | undefined,
  options: ProviderOptions & {
    cpu?: string
    memory?: string
    disk?: string
    minimumDeposit?: string
    gpu?: string[]
  },
): Promise<void> {
  const { loadAgentConfig } = await import('@cloister/agent')
  const path = resolve(options.config)
  const before = loadAgentConfig(path)
  const changes: [string[], string][] = []
  if (token !== undefined) {
    for (const [option, field] of [
      ['cpu', 'cpu'],
      ['memory', 'memoryGiB'],
      ['disk', 'diskGiB'],
      ['minimumDeposit', 'minimumDeposit'],
    ] as const)
      if (options[option] !== undefined) changes.push([[field], options[option]])
    for (const entry of options.gpu ?? []) {
      const [gpuClass, amount] = entry.split('=')
      if (!gpuClass || !amount)
        throw new CloisterError('bad-option', `--gpu takes class=amount, not ${entry.slice(0, 60)}.`)
      changes.push([['gpu', gpuClass], amount])
    }
  }
  if (changes.length > 0) {
    const original = readFileSync(path, 'utf8')
    const document = parseDocument(original)
    for (const [field, amount] of changes)
      document.setIn(['prices', token?.toUpperCase() ?? '', ...field], amount)
    // Written first, checked as it will be read, and put back if it is wrong.
    writeFileSync(path, document.toString())
    try {
      loadAgentConfig(path)
    } catch (error) {
      writeFileSync(path, original)
      throw error
    }
  }
  const { prices } = changes.length > 0 ? loadAgentConfig(path) : before
  if (options.json) return sayJson(prices)
  if (before.bidScript !== undefined)
    note(`Orders are priced by ${before.bidScript}; the list below is not used.`)
  say(
    table(
      ['token', 'CPU/hour', 'GiB memory/hour', 'GiB disk/hour', 'least deposit', 'GPU/hour'],
      Object.entries(prices).map(([symbol, list]) => [
        symbol,
        list.cpu,
        list.memoryGiB,
        list.diskGiB,
        list.minimumDeposit,
        Object.entries(list.gpu)
          .map(([gpuClass, amount]) => `${gpuClass} ${amount}`)
          .join(', '),
      ]),
    ),
  )
}
