import { existsSync, readFileSync, unwatchFile, watchFile, writeFileSync } from 'node:fs'
import { cpus, freemem } from 'node:os'
import { dirname, relative, resolve } from 'node:path'
import type { Log } from '@cloister/agent'
import { getBilling, getCredit, getWorker, loadNetwork, withdrawCredit } from '@cloister/chain'
import { CloisterError, formatAmount, formatDuration, messageOf } from '@cloister/core'
import { createCloister, walletOf, workerOfRecord } from '@cloister/sdk'
import { facts, note, paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Command } from 'commander'
import { getAddress, isAddress } from 'viem'
import { parseDocument } from 'yaml'
import { command, connect, findNetwork, type Globals } from '../context.ts'
import { resources } from '../show.ts'

// The agent is loaded where it is needed: the other commands start faster without it.

interface ProviderOptions extends Globals {
  config: string
}

export function addProvider(program: Command): void {
  const provider = program.command('provider').description('earn with this machine; nobody has to agree')
  const sub = (usage: string, summary: string, example: string) =>
    command(provider, usage, summary, example).option('-c, --config <file>', 'the configuration file', 'provider.yaml')
  sub(
    'init',
    'write a configuration file if there is none, and register the worker it describes',
    'cloister provider init --account alice --endpoint https://worker.example.com',
  )
    .option('--name <name>', 'shown to tenants', 'worker')
    .option('--endpoint <url>', 'where tenants and gateways reach this worker')
    .option('--port <port>', 'port to listen on', '7070')
    .option('--engine <engine>', 'sandbox or docker', 'sandbox')
    .action(init)
  sub('run', 'run the worker until Ctrl-C', 'cloister provider run -c provider.yaml').action(run)
  sub('status', 'what the worker does and what there is to withdraw', 'cloister provider status').action(showStatus)
  sub('withdraw', 'take out what was earned', 'cloister provider withdraw --to 0x…')
    .option('--to <address>', 'account to send it to; default: the provider')
    .action(withdraw)
  sub('price [token]', 'show prices, or set them; a running worker takes them up at once', 'cloister provider price USDC --cpu 0.02 --memory 0.005')
    .option('--cpu <amount>', 'one CPU for an hour')
    .option('--memory <amount>', 'one GiB of memory for an hour')
    .option('--disk <amount>', 'one GiB of disk for an hour')
    .option('--gpu <class=amount...>', 'one GPU of a class for an hour')
    .action(price)
}

async function init(options: ProviderOptions & { name: string; endpoint?: string; port: string; engine: string }): Promise<void> {
  const { enrolWorker, loadAgentConfig, loadWorkerKey } = await import('@cloister/agent')
  const path = resolve(options.config)
  const written = !existsSync(path)
  if (written) {
    if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(options.name) || !/^\d{1,5}$/.test(options.port) || !/^(sandbox|docker)$/.test(options.engine))
      throw new CloisterError('bad-option', '--name takes lower-case letters, digits and hyphens, --port a number, --engine sandbox or docker.')
    writeFileSync(
      path,
      template({
        name: options.name,
        network: relative(dirname(path), findNetwork(options)),
        port: Number(options.port),
        endpoint: options.endpoint ?? `https://127.0.0.1:${options.port}`,
        engine: options.engine,
      }),
      { flag: 'wx' },
    )
    if (!options.json) say(`Wrote ${options.config}. Look at the prices in it; they can be changed at any time.`)
  }
  const config = loadAgentConfig(path)
  const cloister = connect({ ...options, network: config.network })
  const key = loadWorkerKey(config.folder)
  const outcome = await enrolWorker(walletOf(cloister), key, config)
  if (options.json) return sayJson({ config: path, worker: key.address, provider: walletOf(cloister).account.address, outcome })
  say(`The worker ${key.address} is ${outcome === 'unchanged' ? 'registered as it is' : outcome} for the provider ${walletOf(cloister).account.address}.`)
  say(paint('dim', `  Start it: cloister provider run -c ${options.config}`))
}

async function run(options: ProviderOptions): Promise<void> {
  const { jsonLog, loadAgentConfig, startWorker } = await import('@cloister/agent')
  const config = loadAgentConfig(resolve(options.config))
  const log: Log = options.json || !process.stdout.isTTY ? jsonLog(config.name) : readableLog()
  // Asked to stop while it starts, it starts, and then stops as it should: containers may run already.
  const asked = new Promise<void>((done) => {
    process.once('SIGINT', done)
    process.once('SIGTERM', done)
    // Whoever started it with a channel is gone.
    process.once('disconnect', done)
  })
  const running = await startWorker(config, log)
  watchFile(resolve(options.config), { interval: 1_000 }, () => {
    try {
      config.prices = loadAgentConfig(resolve(options.config)).prices
      log('info', 'prices were read again')
    } catch (error) {
      log('warn', 'the configuration was changed, but is wrong; the old prices hold', { error: messageOf(error) })
    }
  })
  await asked
  unwatchFile(resolve(options.config))
  log('info', 'stopping; Ctrl-C again to leave at once')
  process.once('SIGINT', () => process.exit(1))
  await running.stop()
}

async function showStatus(options: ProviderOptions): Promise<void> {
  const { loadAgentConfig, loadTlsKey, loadWorkerKey } = await import('@cloister/agent')
  const config = loadAgentConfig(resolve(options.config))
  const network = loadNetwork(config.network)
  const cloister = createCloister({ network })
  const { address } = loadWorkerKey(config.folder)
  const worker = await getWorker(cloister.chain, address)
  if (!worker) throw new CloisterError('not-registered', `The worker ${address} is not registered.`, { hint: 'Register it with `cloister provider init`.' })
  const [billing, block, gas, report, leases, ...credits] = await Promise.all([
    getBilling(cloister.chain, address),
    cloister.chain.client.getBlock(),
    cloister.chain.client.getBalance({ address }),
    workerOfRecord({ endpoint: config.endpoint, worker: address, tlsKeyHash: loadTlsKey(config.folder).hash })
      .report(AbortSignal.timeout(3_000))
      .catch(() => undefined),
    cloister.index.leases({ worker: address, open: true, limit: 200 }),
    ...network.tokens.map((token) => getCredit(cloister.chain, worker.provider, token.address)),
  ])
  const coveredFor = Number(billing.until - block.timestamp)
  const withdrawable = network.tokens.map((token, i) => ({ symbol: token.symbol, amount: credits[i] ?? 0n, decimals: token.decimals }))
  if (options.json)
    return sayJson({
      worker: address,
      provider: worker.provider,
      endpoint: worker.description.endpoint,
      answers: report !== undefined,
      attestation: coveredFor <= 0 ? 'lapsed' : network.attestation.root === undefined ? 'attested' : 'simulated',
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
      ['endpoint', `${printable(worker.description.endpoint)} ${report ? paint('green', 'answers') : paint('red', 'does not answer')}`],
      [
        'coverage',
        `${coveredFor > 0 ? `for ${formatDuration(coveredFor)} more` : paint('red', 'none')} ${network.attestation.root === undefined ? '' : ' (simulated)'}, ${formatDuration(Number(billing.coveredSeconds))} so far`,
      ],
      ['evidence', report && printable(report.evidence)],
      ['alarm', report?.alarm && paint('red', printable(report.alarm))],
      ['has', resources(worker.description, worker.description.gpuClass)],
      ['free', report && resources(report.free, report.gpuClass)],
      ['engine', report && `${report.isolation.engine}; not kept apart: ${report.isolation.missing.join(', ')}`],
      ['gas', `${formatAmount(gas, 18)} ETH`],
      ['to withdraw', withdrawable.map(({ symbol, amount, decimals }) => `${formatAmount(amount, decimals)} ${symbol}`).join(', ')],
    ]),
  )
  if (leases.items.length > 0)
    say(
      `\n${table(
        ['lease', 'tenant', 'rate/s', 'opened'],
        leases.items.map((lease) => [lease.shortId, lease.tenant, lease.ratePerSecond, new Date(lease.openedAt * 1000).toISOString()]),
      )}`,
    )
}

async function withdraw(options: ProviderOptions & { to?: string }): Promise<void> {
  const { loadAgentConfig } = await import('@cloister/agent')
  const network = existsSync(resolve(options.config)) ? loadAgentConfig(resolve(options.config)).network : options.network
  const cloister = connect({ ...options, ...(network !== undefined && { network }) })
  const wallet = walletOf(cloister)
  if (options.to !== undefined && !isAddress(options.to, { strict: false }))
    throw new CloisterError('bad-address', `${options.to.slice(0, 60)} is not an address.`)
  const to = options.to === undefined ? wallet.account.address : getAddress(options.to)
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
  if (done.length === 0) return say(`There is nothing to withdraw for ${wallet.account.address}. What leases earn is settled from time to time.`)
  for (const { amount, symbol } of done) say(`Sent ${amount} ${symbol} to ${to}.`)
}

async function price(token: string | undefined, options: ProviderOptions & { cpu?: string; memory?: string; disk?: string; gpu?: string[] }): Promise<void> {
  const { loadAgentConfig } = await import('@cloister/agent')
  const path = resolve(options.config)
  const before = loadAgentConfig(path)
  const changes: [string[], string][] = []
  if (token !== undefined) {
    for (const [option, field] of [
      ['cpu', 'cpu'],
      ['memory', 'memoryGiB'],
      ['disk', 'diskGiB'],
    ] as const)
      if (options[option] !== undefined) changes.push([[field], options[option]])
    for (const entry of options.gpu ?? []) {
      const [gpuClass, amount] = entry.split('=')
      if (!gpuClass || !amount) throw new CloisterError('bad-option', `--gpu takes class=amount, not ${entry.slice(0, 60)}.`)
      changes.push([['gpu', gpuClass], amount])
    }
  }
  if (changes.length > 0) {
    const original = readFileSync(path, 'utf8')
    const document = parseDocument(original)
    for (const [field, amount] of changes) document.setIn(['prices', token?.toUpperCase() ?? '', ...field], amount)
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
  if (before.bidScript !== undefined) note(`Orders are priced by ${before.bidScript}; the list below is not used.`)
  say(
    table(
      ['token', 'CPU/hour', 'GiB memory/hour', 'GiB disk/hour', 'GPU/hour'],
      Object.entries(prices).map(([symbol, list]) => [
        symbol,
        list.cpu,
        list.memoryGiB,
        list.diskGiB,
        Object.entries(list.gpu)
          .map(([gpuClass, amount]) => `${gpuClass} ${amount}`)
          .join(', '),
      ]),
    ),
  )
}

function readableLog(): Log {
  return (level, message, fields = {}) => {
    const mark = level === 'error' ? paint('red', '✘') : level === 'warn' ? paint('yellow', '!') : paint('dim', '·')
    const rest = Object.entries(fields)
      .map(([key, value]) => `${key}=${printable(String(value))}`)
      .join(' ')
    say(`${paint('dim', new Date().toISOString().slice(11, 19))} ${mark} ${printable(message)}${rest ? paint('dim', `  ${rest}`) : ''}`)
  }
}

function template(values: { name: string; network: string; port: number; endpoint: string; engine: string }): string {
  const memoryGiB = Math.max(1, Math.floor((freemem() / 1024 ** 3) * 0.8))
  return `# A Cloister worker. Paths are relative to this file; see docs/providers.md.

# Shown to tenants.
name: ${values.name}
# The network to work for.
network: ${values.network}
# The worker's key and memory. Back up worker.key; losing it means registering as a new worker.
folder: .cloister-worker

listen:
  host: 0.0.0.0
  port: ${values.port}
# Where tenants and gateways reach this worker. Over https: with the worker's own attested key, so that nobody on the way can
# read along: let connections through to it as they are, and terminate TLS nowhere else. Registered on chain: run \`cloister provider init\` again after a change.
endpoint: ${values.endpoint}

# What is lent. Never more than this is leased at once.
capacity:
  cpus: ${Math.max(1, cpus().length - 1)}
  memory: ${memoryGiB}GiB
  disk: 20GiB
  # gpus: 1
  # gpuClass: h100

# sandbox needs nothing but bubblewrap and gives a lease one network; docker speaks to Docker or Podman.
executor:
  engine: ${values.engine}
${values.engine === 'docker' ? '  socket: /var/run/docker.sock\n' : ''}
# Per hour, in whole tokens. A bid is the sum, rounded up to a whole base unit per second.
prices:
  USDC: { cpu: "0.02", memoryGiB: "0.005", diskGiB: "0.0002" }
  CLOI: { cpu: "0.1", memoryGiB: "0.025", diskGiB: "0.001" }
# Or a program that gets the order as JSON and answers {"ratePerSecond": "12"} or {"decline": "why"}:
# bidScript: ./price.js

# What manifests may ask of a worker.
attributes:
  region: home

# Images are pulled from their registries. Folders in the OCI layout are looked at first:
# images:
#   layouts: [./images]
#   trustedRegistries: ["localhost:5000"]

# Ports of this machine for services that open TCP ports to the outside.
tcpPorts: { first: 30000, last: 30999 }
# Seconds between two collections of what was earned.
settleEverySeconds: 3600
`
}
