import { writeFileSync } from 'node:fs'
import {
  type AllowedHash,
  type App,
  allowInApp,
  forbidInApp,
  freezeApp,
  getApp,
  getRoles,
  listApps,
  registerApp,
  setUpgradeDelay,
} from '@cloister/chain'
import { CloisterError, formatDuration, hashManifest } from '@cloister/core'
import { type Cloister, keyService, walletOf } from '@cloister/sdk'
import { facts, note, paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Command } from 'commander'
import type { Hex } from 'viem'
import { confirm } from '../ask.ts'
import { command, connect, type Globals } from '../context.ts'
import { secondsOf } from '../durations.ts'
import { type ManifestOptions, readManifestFile, withManifestOptions } from '../manifest-file.ts'
import { resolveApp, type SecretOptions, sealedFrom, withSecretOptions } from '../secret-options.ts'
import { instant, short } from '../show.ts'

interface PolicyOptions extends Globals, ManifestOptions {
  image?: string[]
}

export function addApps(program: Command): void {
  const apps = program
    .command('apps')
    .description('which code may have an app’s secrets: a registry on chain that you own')
  command(apps, 'list', 'your apps', 'cloister apps list').action(showApps)
  command(apps, 'show <app>', 'an app’s policy, by name or id', 'cloister apps show shop').action(showApp)
  withManifestOptions(
    command(
      apps,
      'create <name> <files...>',
      'register an app: these Compose or SDL files may have its keys',
      'cloister apps create shop compose.yaml --upgrade-delay 3d',
    ),
  )
    .option(
      '--image <hash...>',
      'guest images it may run in; default: those of the workers that are covered now',
    )
    .option('--upgrade-delay <time>', 'how long what is allowed later has to wait, such as 3d', '0s')
    .action(createApp)
  withManifestOptions(
    command(
      apps,
      'allow <app> [file]',
      'let another file, or guest image, have the keys, once the upgrade delay has passed',
      'cloister apps allow shop v2.yaml',
    ),
  )
    .option('--image <hash...>', 'guest images to allow')
    .action((app: string, file: string | undefined, options: PolicyOptions) =>
      changePolicy('allow', app, file, options),
    )
  withManifestOptions(
    command(
      apps,
      'forbid <app> [file]',
      'take a file, or guest image, off at once',
      'cloister apps forbid shop compose.yaml',
    ),
  )
    .option('--image <hash...>', 'guest images to forbid')
    .action((app: string, file: string | undefined, options: PolicyOptions) =>
      changePolicy('forbid', app, file, options),
    )
  command(
    apps,
    'delay <app> <time>',
    'set the upgrade delay; a shorter one holds once the present one has passed',
    'cloister apps delay shop 7d',
  ).action(setDelay)
  command(apps, 'freeze <app>', 'allow nothing new, ever', 'cloister apps freeze shop').action(freeze)

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
    .action(seal)
  command(
    program,
    'keys',
    'the three seats of the key service: where they are, whether they hold what they say',
    'cloister keys',
  ).action(showKeys)
}

async function showApps(options: Globals): Promise<void> {
  const cloister = connect(options)
  const { account } = walletOf(cloister)
  const owned = await listApps(cloister.chain, account.address)
  if (options.json) return sayJson(owned)
  say(
    owned.length === 0
      ? `No apps of ${short(account.address)}. Register one: cloister apps create NAME FILE`
      : table(
          ['name', 'id'],
          owned.map(({ name, app }) => [printable(name), app]),
        ),
  )
}

async function showApp(name: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const app = await getApp(cloister.chain, resolveApp(cloister, name))
  if (options.json) return sayJson(app)
  sayApp(app)
}

function sayApp(app: App): void {
  say(
    facts([
      ['app', app.app],
      ['owner', app.owner],
      [
        'upgrade delay',
        app.upgradeDelay === 0
          ? paint('yellow', 'none: what is allowed counts at once')
          : formatDuration(app.upgradeDelay),
      ],
      ['frozen', app.frozenAt === undefined ? 'no' : `since ${instant(app.frozenAt)}`],
    ]),
  )
  say()
  const rows = (kind: string, list: AllowedHash[]) => list.map((entry) => [kind, entry.hash, standing(entry)])
  say(
    table(
      ['may have its keys', 'hash', ''],
      [...rows('manifest', app.manifests), ...rows('guest image', app.images)],
    ),
  )
}

function standing({ allowedFrom, void: isVoid }: AllowedHash): string {
  if (isVoid) return paint('red', 'never: the app was frozen first')
  return allowedFrom * 1000 <= Date.now()
    ? paint('green', 'counts')
    : paint('yellow', `from ${instant(allowedFrom)}`)
}

async function createApp(
  name: string,
  files: string[],
  options: PolicyOptions & { upgradeDelay: string },
): Promise<void> {
  const cloister = connect(options)
  const manifests = files.map((file) =>
    hashManifest(readManifestFile(file, options, options.json === true).manifest),
  )
  const images = options.image ? options.image.map(checkHash) : await coveredImages(cloister)
  const app = await registerApp(walletOf(cloister), {
    name,
    upgradeDelay: secondsOf(options.upgradeDelay),
    manifests,
    images,
  })
  const registered = await getApp(cloister.chain, app)
  if (options.json) return sayJson(registered)
  sayApp(registered)
  say()
  say(paint('dim', `  cloister deploy ${files[0]} --app ${name} --secrets FILE`))
}

async function changePolicy(
  what: 'allow' | 'forbid',
  name: string,
  file: string | undefined,
  options: PolicyOptions,
): Promise<void> {
  const cloister = connect(options)
  const app = resolveApp(cloister, name)
  const entries: ['manifest' | 'image', Hex][] = (options.image ?? []).map((image) => [
    'image',
    checkHash(image),
  ])
  if (file !== undefined)
    entries.push([
      'manifest',
      /^0x[0-9a-f]{64}$/.test(file)
        ? (file as Hex)
        : hashManifest(readManifestFile(file, options, options.json === true).manifest),
    ])
  if (entries.length === 0)
    throw new CloisterError('bad-option', `There is nothing to ${what}.`, {
      hint: 'Name a file, the hash of a manifest, or --image.',
    })
  const change = what === 'allow' ? allowInApp : forbidInApp
  for (const [kind, hash] of entries) await change(walletOf(cloister), app, kind, hash)
  const changed = await getApp(cloister.chain, app)
  if (options.json) return sayJson(changed)
  sayApp(changed)
}

async function setDelay(name: string, time: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const app = resolveApp(cloister, name)
  await setUpgradeDelay(walletOf(cloister), app, secondsOf(time))
  const changed = await getApp(cloister.chain, app)
  if (options.json) return sayJson(changed)
  sayApp(changed)
}

async function freeze(name: string, options: Globals & { yes?: boolean }): Promise<void> {
  const cloister = connect(options)
  const app = resolveApp(cloister, name)
  const known = await getApp(cloister.chain, app)
  if (!options.json) {
    sayApp(known)
    note('')
    if (!options.yes && !(await confirm('Allow nothing new in this app, ever?')))
      throw new CloisterError('cancelled', 'Nothing was frozen.')
  }
  await freezeApp(walletOf(cloister), app)
  const frozen = await getApp(cloister.chain, app)
  if (options.json) return sayJson(frozen)
  sayApp(frozen)
}

async function seal(options: Globals & SecretOptions & { output: string }): Promise<void> {
  const cloister = connect(options)
  const envelope = await sealedFrom(cloister, options)
  if (!envelope)
    throw new CloisterError('bad-option', 'There is nothing to seal.', {
      hint: 'Name --secrets FILE or --secret-file NAME=PATH.',
    })
  writeFileSync(options.output, `${JSON.stringify(envelope, null, 2)}\n`)
  if (options.json) return sayJson({ app: envelope.app, names: envelope.names, output: options.output })
  say(
    `Sealed ${envelope.names.join(', ')} to the app ${envelope.app.slice(0, 18)}… in ${options.output}. Two of three seats of the key service and the app’s policy open it.`,
  )
}

async function showKeys(options: Globals): Promise<void> {
  const cloister = connect(options)
  const seats = await keyService(cloister)
  if (options.json) return sayJson(seats)
  if (seats.length === 0) return say('No seat of the key service is filled: nothing can be sealed here.')
  say(
    table(
      ['seat', 'worker', 'provider', 'lease', 'gives keys', 'holds'],
      seats.map(({ index, worker, provider, lease, state, problem }) => [
        String(index),
        short(worker),
        short(provider),
        lease.slice(2, 18),
        state?.open ? paint('green', 'yes') : paint('red', problem === undefined ? 'not yet' : 'no'),
        problem === undefined
          ? `parts ${[0, 1, 2].filter((part) => part !== index).join(' and ')} of three`
          : printable(problem),
      ]),
    ),
  )
  const open = seats.filter(({ state }) => state?.open).length
  say()
  say(
    open === 3
      ? 'Any two of them open what is sealed; any one may be lost.'
      : open === 2
        ? paint(
            'yellow',
            'Two of three answer: secrets can be sealed and opened, and no other one may be lost.',
          )
        : paint('red', 'Fewer than two of three answer: no secret can be sealed or opened now.'),
  )
}

/** Guest images of the workers that are covered now, as far as governance lets them earn. */
async function coveredImages(cloister: Cloister): Promise<Hex[]> {
  const workers = await cloister.index.workers({ covered: true })
  const images = [...new Set(workers.flatMap(({ image }) => (image ? [image] : [])))]
  const roles = await Promise.all(images.map((image) => getRoles(cloister.chain, image)))
  const allowed = images.filter((_, position) => ((roles[position] ?? 0) & 1) !== 0)
  if (allowed.length === 0)
    throw new CloisterError('bad-option', 'No covered worker runs a guest image that may earn.', {
      hint: 'Name guest images with --image.',
    })
  return allowed
}

function checkHash(text: string): Hex {
  if (/^0x[0-9a-f]{64}$/.test(text)) return text as Hex
  throw new CloisterError(
    'bad-option',
    `${JSON.stringify(text.slice(0, 80))} is not the hash of a guest image.`,
    { hint: 'See `cloister workers --json`.' },
  )
}
