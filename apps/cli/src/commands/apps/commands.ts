import type { Command } from 'commander'
import { command, later } from '../../command.ts'
import { withManifestOptions, withSecretOptions } from '../../options.ts'

export function addApps(program: Command): void {
  const apps = program
    .command('apps')
    .description('which code may have an app’s secrets: a registry on chain that you own')
  command(apps, 'list', 'your apps', 'cloister apps list').action(
    later(async () => (await import('./list.ts')).showApps),
  )
  command(apps, 'show <app>', 'an app’s policy, by name or id', 'cloister apps show shop').action(
    later(async () => (await import('./show.ts')).showApp),
  )
  withPolicyOptions(
    command(
      apps,
      'create <name> <files...>',
      'register an app: these Compose or SDL files may have its keys',
      'cloister apps create shop compose.yaml --upgrade-delay 3d',
    ),
  )
    .option(
      '--measurement <hash...>',
      'measurements of guests it may run in; default: those of the workers covered now',
    )
    .option('--upgrade-delay <time>', 'how long what is allowed later has to wait, such as 3d', '0s')
    .action(later(async () => (await import('./create.ts')).createApp))
  withPolicyOptions(
    command(
      apps,
      'allow <app> [file]',
      'let another file, or guests of another measurement, have the keys, once the upgrade delay has passed',
      'cloister apps allow shop v2.yaml',
    ),
  )
    .option('--measurement <hash...>', 'measurements of guests to allow')
    .action(later(async () => (await import('./policy.ts')).allow))
  withPolicyOptions(
    command(
      apps,
      'forbid <app> [file]',
      'take a file, or a measurement, off at once',
      'cloister apps forbid shop compose.yaml',
    ),
  )
    .option('--measurement <hash...>', 'measurements of guests to forbid')
    .action(later(async () => (await import('./policy.ts')).forbid))
  command(
    apps,
    'delay <app> <time>',
    'set the upgrade delay; a shorter one holds once the present one has passed',
    'cloister apps delay shop 7d',
  ).action(later(async () => (await import('./delay.ts')).setDelay))
  command(apps, 'freeze <app>', 'allow nothing new, ever', 'cloister apps freeze shop').action(
    later(async () => (await import('./freeze.ts')).freeze),
  )

  const secrets = program
    .command('secrets')
    .description('secrets that only an attested worker under an app’s policy can open')
  withSecretOptions(
    command(
      secrets,
      'seal',
      'seal secrets to an app, into a file that anybody may see',
      'cloister secrets seal --app shop --secrets prod.env -o shop.sealed',
    ),
  )
    .requiredOption('-o, --output <file>', 'where to write it')
    .action(later(async () => (await import('./seal.ts')).seal))
  command(
    program,
    'keys',
    'the three seats of the key service: where they are, whether they hold what they say',
    'cloister keys',
  ).action(later(async () => (await import('./keys.ts')).showKeys))
}

/** Which file is meant, or the leases of which cluster. */
function withPolicyOptions(to: Command): Command {
  return withManifestOptions(to)
    .option(
      '--cluster <name>',
      'the manifests of a cluster called so, each of which is told its rank; with -n',
    )
    .option('-n, --size <number>', 'how many leases the cluster has')
}
