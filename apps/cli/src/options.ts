import type { Command } from 'commander'

/** Options of every command that takes a Compose or SDL file. */
export interface ManifestOptions {
  file?: string[]
  envFile?: string
  profile?: string[]
  group?: string
  /** False with --no-build. */
  build?: boolean
  builder?: string
  allow?: string[]
}

export function withManifestOptions(command: Command): Command {
  return command
    .option(
      '-f, --file <file>',
      'a Compose file that is put over the one before it; may be given several times',
      (file: string, before: string[] | undefined) => [...(before ?? []), file],
    )
    .option('--env-file <file>', 'variables for ${…} in the file; default: .env beside it')
    .option('--profile <name...>', 'Compose profiles to switch on')
    .option('--group <name>', 'the SDL placement group to take, where the file has several')
    .option('--no-build', 'build nothing: what has an image as well is pulled')
    .option(
      '--builder <name>',
      'buildx, docker, podman or buildah; default: CLOISTER_BUILDER, or the first that is here',
    )
    .option(
      '--allow <what>',
      'what the file may take that is not its project’s, such as fs.read=PATH, image=NAME or env=NAME; may be given several times',
      (what: string, before: string[] | undefined) => [...(before ?? []), what],
    )
}

/** Options of every command that takes secrets. */
export interface SecretOptions {
  app?: string
  secrets?: string
  secretFile?: string[]
  sealed?: string
}

export function withSecretOptions(command: Command): Command {
  return command
    .option('--app <app>', 'the app that secrets are sealed to, by name or id; see `cloister apps`')
    .option('--secrets <file>', 'NAME=value lines, for what the file takes under x-sealed')
    .option('--secret-file <name=path...>', 'a secret that is a file')
    .option('--sealed <file>', 'secrets that `cloister secrets seal` sealed')
}

export interface LoginOptions {
  registryLogin?: boolean
}

export function withLoginOption(command: Command): Command {
  return command.option(
    '--registry-login',
    'give the worker the logins that `docker login` keeps for the registries of the images',
  )
}

/** Options of every command that gives a worker access to DNS. */
export interface DnsOptions {
  dns?: string
  dnsKey?: string
}

export function withDnsOptions(command: Command): Command {
  return command
    .option(
      '--dns <server>',
      'a name server that takes updates, for certificates of wildcards and of domains that lead nowhere yet',
    )
    .option('--dns-key <file>', 'the key that signs them (TSIG), as tsig-keygen writes it')
}

/** Options of every command that says where logs go. */
export interface CollectorOptions {
  header?: string[]
  ca?: string
}

export function withCollectorOptions(command: Command): Command {
  return command
    .option('--header <header...>', 'sent to collectors with each request, as "Name: value"')
    .option('--ca <file>', 'certificates (PEM) that theirs has to come from, if not public ones')
}
