import type { Command } from 'commander'
import { command, later } from '../../command.ts'
import {
  withCollectorOptions,
  withDnsOptions,
  withLoginOption,
  withManifestOptions,
  withSecretOptions,
} from '../../options.ts'
import { TIMEOUT_OPTION, withBidOptions } from './options.ts'

export function addDeploy(program: Command): void {
  const bidsCommand = command(
    program,
    'bids [file]',
    'what a Compose or SDL file would cost, and who could run it; sends no transaction',
    'cloister bids compose.yaml --pay CLOI',
  )
  withBidOptions(withManifestOptions(bidsCommand)).action(
    later(async () => (await import('./bids.ts')).showBids),
  )

  const deployCommand = command(
    program,
    'deploy [file]',
    'run a Compose or SDL file: takes the cheapest bid and ends with the address',
    'cloister deploy compose.yaml --for 2h --name my-app',
  )
  const givesDns = withDnsOptions(
    withCollectorOptions(
      withLoginOption(withSecretOptions(withBidOptions(withManifestOptions(deployCommand)))),
    ),
  )
  givesDns
    .option('--deposit <amount>', 'money to put in, in whole tokens')
    .option('--for <time>', 'put in as much as lasts this long, such as 2h or 7d (default 24h)')
    .option(
      '--name <name>',
      'a name for its address, beside its id; default: what a Compose file calls itself',
    )
    .option(
      '--logs-to <url...>',
      'send logs and metrics there: otlp+https://…, loki+https://…, syslog+tls://…',
    )
    .option('--from <snapshot>', 'begin its volumes with a snapshot: PLACE for the newest there, or PLACE#ID')
    .option('--keep', 'leave the lease open if its containers do not start')
    .option(...TIMEOUT_OPTION)
    .action(later(async () => (await import('./deploy.ts')).runDeploy))
}

export function addLeases(program: Command): void {
  command(
    program,
    'ps',
    'your leases: what is running, what it costs so far, how long the money lasts',
    'cloister ps --all',
  )
    .option('-a, --all', 'closed ones as well')
    .action(later(async () => (await import('./ps.ts')).showLeases))
  command(
    program,
    'status <lease>',
    'one lease: services, money, addresses',
    'cloister status my-app',
  ).action(later(async () => (await import('./status.ts')).showStatus))
  const domainsCommand = command(
    program,
    'domains <lease>',
    'domains of your own that lead to a lease: their DNS records, certificates, and whether the key is the worker’s',
    'cloister domains my-app',
  )
  withDnsOptions(domainsCommand)
    .option('--dns-off', 'take back the access to DNS that the worker was given')
    .option('--no-check', 'connect to none of them to compare keys')
    .option('--connect <address>', 'where to connect for that, as host:port, if not where DNS leads')
    .action(later(async () => (await import('./domains.ts')).showDomains))
  const metricsCommand = command(
    program,
    'metrics <lease>',
    'CPU, memory, processes and disk a lease uses',
    'cloister metrics my-app',
  ).action(later(async () => (await import('./metrics.ts')).showMetrics))
  command(
    metricsCommand,
    'token <lease>',
    'let Prometheus read the metrics of a lease: prints a token and its configuration',
    'cloister metrics token my-app --ttl 90d',
  )
    .option('--ttl <time>', 'the token holds so long', '90d')
    .option('--revoke', 'no token of the lease holds any more')
    .action(later(async () => (await import('./metrics-token.ts')).runMetricsToken))
  const updateCommand = command(
    program,
    'update <lease> [file]',
    'a new manifest on the same lease, worker and address; the old one is back if the new one does not start',
    'cloister update my-app compose.yaml',
  )
  withLoginOption(withSecretOptions(withManifestOptions(updateCommand)))
    .option(
      '--policy <policy>',
      'what the machine has to prove anew before it gets anything, as with `deploy`',
    )
    .option('--continue', 'of a group: go on with an update that stopped, from where it did')
    .option('--rollback', 'of a group: put what ran before an update that stopped back')
    .option(
      '--pull',
      'look up anew what the tags of its images mean, also where the file is what runs already',
    )
    .option(...TIMEOUT_OPTION)
    .action(later(async () => (await import('./update.ts')).runUpdate))
  const resizeCommand = command(
    program,
    'resize <lease> [file]',
    'more or less CPU, memory, disk or GPUs for a lease as it runs, at the price that its worker bids',
    'cloister resize my-app --memory 4g --disk 20g --service web',
  )
  withLoginOption(withSecretOptions(withManifestOptions(resizeCommand)))
    .option('--cpu <number>', 'CPUs of each copy of the service, such as 2 or 0.5')
    .option('--memory <size>', 'memory of each copy of the service, such as 4g')
    .option('--disk <size>', 'of its volume, or its own disk where it has none, such as 20g')
    .option('--gpus <number>', 'GPUs of each copy of the service')
    .option('--service <name>', 'the service that is meant, where there are several')
    .option('--volume <name>', 'the volume that --disk is for, where there are several')
    .option('--add <amount>', 'money to add with it, in whole tokens')
    .option('--max-price <amount>', 'highest price for an hour, in whole tokens')
    .option(
      '--policy <policy>',
      'what the machine has to prove anew before it gets anything, as with `deploy`',
    )
    .option(...TIMEOUT_OPTION)
    .action(later(async () => (await import('./resize.ts')).runResize))
  const moveCommand = command(
    program,
    'move <lease> [file]',
    'move a lease to another worker, with its volumes; repeat it to go on with one that was broken off',
    'cloister move my-app --to 0x90F79bf6EB2c4f870365E785982E1f101E93b906',
  )
  withDnsOptions(withLoginOption(withSecretOptions(withBidOptions(withManifestOptions(moveCommand)))))
    .option('--to <address>', 'the worker, or the provider, to move to; default: the best bid')
    .option('--deposit <amount>', 'money to put in there, in whole tokens')
    .option('--for <time>', 'put in as much as lasts this long, such as 2h or 7d (default 24h)')
    .option(...TIMEOUT_OPTION)
    .action(later(async () => (await import('./move.ts')).runMove))
  const scaleCommand = command(
    program,
    'scale <group=number> [file]',
    'more or fewer replicas of a group, on other workers, under the same address',
    'cloister scale my-app=5',
  )
  withLoginOption(withSecretOptions(withBidOptions(withManifestOptions(scaleCommand))))
    .option('--deposit <amount>', 'money to put into each new one, in whole tokens')
    .option('--for <time>', 'put in as much as lasts this long, such as 2h or 7d (default 24h)')
    .option(...TIMEOUT_OPTION)
    .action(later(async () => (await import('./scale.ts')).runScale))
  command(
    program,
    'top-up <lease> <amount>',
    'add money, in whole tokens of the lease',
    'cloister top-up my-app 2.5',
  ).action(later(async () => (await import('./top-up.ts')).runTopUp))
  command(
    program,
    'keep [leases...]',
    'watch your leases: tell you what is the matter with them, and pay before their money runs out',
    'cloister keep --webhook https://example.com/hook --top-up 1d --most-per-day 5',
  )
    .option('--every <time>', 'look so often', '30s')
    .option('--low <time>', 'the money is low with less than this left', '6h')
    .option('--webhook <url...>', 'tell it there; signed with CLOISTER_WEBHOOK_SECRET, if that is set')
    .option(
      '--mail-to <address...>',
      'mail it, through the server in CLOISTER_SMTP (smtps://user:password@host)',
    )
    .option('--mail-from <address>', 'what mails are from; default: the first --mail-to')
    .option('--top-up <time>', 'pay into a lease whose money is low, so that it lasts this long')
    .option('--replace', 'open a lost replica of a group again, on another worker')
    .option(
      '--sealed <group=file...>',
      'sealed secrets that replacements of a group get, as `secrets seal` wrote them',
    )
    .option('--lost-after <time>', 'a replica is lost whose worker is away or unattested for so long', '5m')
    .option(
      '--most-per-day <amount>',
      'what all leases get in 24 hours at the most, in whole tokens of each kind',
    )
    .option(
      '--pay-from <wallet>',
      'the wallet that pays, where it is another: what is in it is then a limit that the chain keeps',
    )
    .option('--snapshot-every <time>', 'take a snapshot of the volumes of each lease so often, such as 6h')
    .option('--snapshot-to <place>', 'where to, as with `snapshot`')
    .option('--snapshot-keep <number>', 'so many of the newest of each lease stay; default: all')
    .option('--snapshot-pause', 'have the containers of a lease stand still while one is taken')
    .option('--once', 'look once and end, for cron')
    .action(later(async () => (await import('./keep.ts')).runKeep))
  command(
    program,
    'pause <lease>',
    'stop everything, keep the volumes, and pay for disk alone until it is resumed',
    'cloister pause my-app',
  ).action(later(async () => (await import('./pause.ts')).runPause))
  withManifestOptions(
    command(
      program,
      'resume <lease> [file]',
      'run a paused lease again, with its volumes; the file, where it was paused from elsewhere',
      'cloister resume my-app',
    ),
  )
    .option(
      '--max-price <amount>',
      'highest price for an hour, in whole tokens; default with --yes: what it cost before',
    )
    .action(later(async () => (await import('./pause.ts')).runResume))
  command(
    program,
    'close <lease>',
    'stop everything; what is left is back in the same transaction',
    'cloister close my-app',
  ).action(later(async () => (await import('./close.ts')).runClose))
}

/** Logs and events of a lease, and commands in it: what runs over one connection for as long as it lasts. */
export function addLeaseStreams(program: Command): void {
  command(program, 'logs <lease>', 'what the services print', 'cloister logs my-app -f --service web')
    .option('-f, --follow', 'go on with what comes')
    .option('--service <name>', 'only this service or container')
    .option('--replica <number>', 'only this copy of the service, from 0')
    .option('--tail <lines>', 'only that many last lines', '1000')
    .action(later(async () => (await import('./logs.ts')).showLogs))
  withCollectorOptions(
    command(
      program,
      'forward <lease>',
      'send logs and metrics of a lease to collectors of yours, or show how that goes',
      'cloister forward my-app --to otlp+https://collector.example.com:4318',
    ),
  )
    .option('--to <url...>', 'otlp+https://…, loki+https://… or syslog+tls://…, in place of those before')
    .option('--service <name...>', 'only the logs of these services')
    .option('--off', 'send nothing any more')
    .action(later(async () => (await import('./forward.ts')).runForward))
  command(
    program,
    'events [lease]',
    'what happened to a lease, or to all of yours',
    'cloister events --all -f',
  )
    .option('-a, --all', 'of all your leases: what workers say and what the chain has')
    .option('-f, --follow', 'go on with what comes')
    .option('--cursor <cursor>', 'with --all: go on after it; --json gives one with each event')
    .action(later(async () => (await import('./events.ts')).showEvents))
  command(
    program,
    'exec <lease> <command...>',
    'run a command in a lease; interactive on a terminal',
    'cloister exec my-app -- sh',
  )
    .option('--service <name>', 'the service or container to run it in')
    .option('--replica <number>', 'the copy of the service, from 0')
    .action(later(async () => (await import('./exec.ts')).runExec))
}

/** Adds what only reads a file. */
export function addManifest(program: Command): void {
  withManifestOptions(
    command(
      program,
      'manifest [file]',
      'print the canonical form of a Compose or SDL file, and its hash',
      'cloister manifest compose.yaml',
    ),
  ).action(later(async () => (await import('./manifest.ts')).showManifest))
  withManifestOptions(
    command(
      program,
      'build [file]',
      'build and read the images and folders that a file takes of this machine; sends nothing',
      'cloister build compose.yaml',
    ),
  ).action(later(async () => (await import('./build.ts')).runBuild))
}
