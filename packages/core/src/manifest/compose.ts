import { isLeaseName, LEASE_NAME_RULE } from '../market/names.ts'
import { readAttributes } from './attributes.ts'
import { Contents } from './compose-contents.ts'
import type { ComposeContext } from './compose-context.ts'
import { settleFolders } from './compose-folders.ts'
import { buildersOf } from './compose-image.ts'
import { checkKeys } from './compose-known.ts'
import { addAlias, isInternalOnly, networksOf, readNetworks } from './compose-names.ts'
import { type ComposeProject, loadProject } from './compose-project.ts'
import { readComposeService } from './compose-service.ts'
import { withVolumesFrom } from './compose-volumes-from.ts'
import { each } from './every-problem.ts'
import { checkCount, readFront, readNetwork } from './extensions.ts'
import type { Field } from './field.ts'
import type { Manifest } from './manifest.ts'
import type { ParseOptions, Wish } from './parse-options.ts'
import { NAME_PATTERN } from './patterns.ts'
import { readReclamation } from './reclamation.ts'
import { readSpread } from './spread.ts'

/**
 * Compose specification (compose-spec/compose-spec, spec.md) → manifest, and the name the file gives itself.
 * One worker runs all services.
 */
export function parseCompose(
  raw: Field,
  given: ParseOptions,
): {
  manifest: Manifest
  name: string | undefined
  wishes: Wish[]
  sealedFiles: Record<string, Uint8Array>
  spread: number | undefined
} {
  const project = loadProject(raw, given)
  const { options } = project
  const name = readTopLevel(project)
  const active = activeServices(project, options)
  const context = contextOf(project, active, options)
  const attributes = readAttributes(project.root.get('x-attributes'))
  const manifest: Manifest = { version: 1, services: {}, volumes: context.volumes, attributes }
  checkCount(active.size, project.root)
  let isInside = active.size > 0
  each(active, ([key, field]) => {
    if (!NAME_PATTERN.test(key)) field.fail('a service name of letters, digits, ".", "_" and "-", at most 46')
    const service = readComposeService(key, withVolumesFrom(field, project.sections.services), context)
    if (service.count === 0) {
      field.warn('left out: it has no replicas')
      service.count = 1
      active.delete(key)
    } else manifest.services[key] = service
    if (!isInternalOnly(field, context)) isInside = false
  })
  settleFolders(context, new Set(Object.values(manifest.services)))
  const said = project.root.get('x-internet')?.boolean()
  if (said === false || (said === undefined && isInside)) manifest.internet = false
  else if (!isInside) warnOfInternet(context, project)
  giveNames(manifest, context)
  addImplied(manifest, context)
  checkDependencies(manifest, active)
  warnOfUnused(active, context)
  readFront(project.root, manifest)
  readNetwork(project.root, manifest)
  readReclamation(project.root.get('x-reclamation'), manifest)
  const sealedFiles = Object.fromEntries([...context.sealedFiles].map(([key, { content }]) => [key, content]))
  const spread = readSpread(project.root, { manifest, services: active, volumes: project.sections.volumes })
  return { manifest, name, wishes: context.wishes, sealedFiles, spread }
}

function readTopLevel({ root, sections }: ComposeProject): string | undefined {
  let name: string | undefined
  const elsewhere = () => {}
  root.fields(
    {
      version: (field) => field.warn('ignored, as Docker Compose ignores it: files have one version'),
      name: (field) => {
        if (isLeaseName(field.text())) name = field.text()
        else field.warn(`ignored: a lease's name has ${LEASE_NAME_RULE}`)
      },
      include: elsewhere,
      configs: elsewhere,
      secrets: elsewhere,
      volumes: elsewhere,
      networks: (field) => {
        if (sections.networks.size > 0) field.warn('the services of a lease share one network of their own')
      },
      services: elsewhere,
    },
    { models: 'Run the model server as a service.' },
  )
  if (sections.services.size === 0)
    root.refuse(
      'there are no services',
      'A Compose file has a "services" mapping; an SDL file has "deployment" too.',
    )
  readNetworks(sections.networks)
  return name
}

function isExternal(secret: Field): boolean {
  const external = secret.isMap ? secret.get('external') : undefined
  if (external?.isMap)
    external.refuse(
      "external as a mapping can't be honoured",
      'Write external: true; a sealed secret has the name it has in the file.',
    )
  return external?.boolean() === true
}

function contextOf(
  { sections }: ComposeProject,
  active: ReadonlyMap<string, Field>,
  options: ParseOptions,
): ComposeContext {
  const sealedSecrets = new Set(
    [...sections.secrets].flatMap(([name, entry]) => (isExternal(entry) ? [name] : [])),
  )
  for (const name of sealedSecrets)
    sections.secrets
      .get(name)
      ?.fields(
        { external: () => {} },
        {},
        { name: 'a sealed secret has the name it has in the file', labels: 'labels have no effect' },
      )
  return {
    options,
    wishes: [],
    builders: buildersOf(active),
    builds: new Map(),
    configs: new Contents('configs', sections.configs, options),
    secrets: new Contents('secrets', sections.secrets, options),
    sealedSecrets,
    networks: sections.networks,
    volumes: {},
    declaredVolumes: sections.volumes,
    takenVolumes: new Set(),
    hostFolders: new Map(),
    folderMounts: [],
    inline: { bytes: 0, files: 0 },
    sealedFiles: new Map(),
    links: [],
    implied: [],
    unset: new Set(),
  }
}

/** Services without a profile, and those of active ones. */
function activeServices({ root, sections }: ComposeProject, options: ParseOptions): Map<string, Field> {
  const active = options.profiles ?? []
  const all = new Set<string>()
  const chosen = [...sections.services].filter(([, service]) => {
    const profiles = service.isMap ? service.get('profiles') : undefined
    if (!profiles || profiles.isNothing) return true
    const names = profiles.list().map((profile) => profile.text())
    for (const name of names) all.add(name)
    const isActive = active.includes('*') || names.some((name) => active.includes(name))
    // What isn't run is read no further.
    if (!isActive) checkKeys(service, 'services.*')
    return isActive
  })
  if (chosen.length === 0)
    root.get('services')?.refuse('every service has a profile, and none is switched on', {
      do: 'choose-profile',
      subject: [...all].join(', '),
    })
  return new Map(chosen)
}

function giveNames({ services }: Manifest, { links }: ComposeContext): void {
  for (const { target, alias, at } of links) {
    const service = Object.hasOwn(services, target) ? services[target] : undefined
    if (!service)
      at.refuse(`${target} is not in the file or not in an active profile`, 'Link to a service of the file.')
    else if (Object.hasOwn(services, alias) && alias !== target)
      at.refuse(`${alias} is the name of another service`, 'Choose another one.')
    else addAlias(service, target, alias, at)
  }
}

/**
 * Dependencies that nobody wrote down: what is linked to, or mounted from, starts first (compose-go,
 * `Normalize`).
 */
function addImplied({ services }: Manifest, { implied }: ComposeContext): void {
  for (const { service, target } of implied) {
    const other = Object.hasOwn(services, target) ? services[target] : undefined
    const isKnown = service.dependsOn.some((dependency) => dependency.service === target)
    if (other && other !== service && other.schedule === undefined && !isKnown)
      service.dependsOn.push({ service: target, condition: 'started' })
  }
}

/** Drops dependencies that may be missing and are; refuses others. */
function checkDependencies({ services }: Manifest, fields: Map<string, Field>): void {
  for (const [key, service] of Object.entries(services))
    service.dependsOn = service.dependsOn.filter(({ service: other, optional }) => {
      const at = fields.get(key)?.get('depends_on')
      if (Object.hasOwn(services, other) && services[other]?.schedule === undefined) return true
      if (services[other]?.schedule !== undefined)
        at?.refuse(
          `${key} waits for ${other}, which runs by a schedule`,
          'Let it wait for something else: the schedule alone starts that one.',
        )
      const what = `${key} depends on ${other}, which is not in the file or not in an active profile`
      if (!optional) at?.refuse(what, 'Add the service, or switch its profile on.')
      at?.warn(`${what}; it starts without`)
      return false
    })
}

/**
 * Warns of what is declared and would do something, and that no service takes. A network that says nothing
 * is nothing.
 */
function warnOfUnused(
  active: Map<string, Field>,
  { declaredVolumes, takenVolumes, volumes, networks, configs, secrets }: ComposeContext,
): void {
  for (const [key, volume] of declaredVolumes) {
    if (volumes[key] || takenVolumes.has(key)) continue
    checkKeys(volume, 'volumes.*')
    volume.warn('ignored: no service mounts this volume')
  }
  for (const entry of configs.unused()) entry.warn('ignored: no service takes this config')
  for (const entry of secrets.unused()) entry.warn('ignored: no service takes this secret')
  const used = new Set([...active.values()].flatMap(networksOf))
  for (const [key, network] of networks)
    if (!used.has(key)) network.get('internal')?.warn('ignored: no service is on this network')
}

function warnOfInternet({ networks }: ComposeContext, { root }: ComposeProject): void {
  for (const [name, network] of networks)
    if (network.get('internal')?.boolean() === true && root.get('x-internet') === undefined)
      network
        .get('internal')
        ?.warn(
          `services on ${name} can reach the internet, since others of the lease can; say x-internet: false for all`,
        )
}
