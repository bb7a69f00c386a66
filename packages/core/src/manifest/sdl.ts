import { readAttributes } from './attributes.ts'
import { each } from './every-problem.ts'
import { checkCount, readFront, readNetwork } from './extensions.ts'
import type { Field } from './field.ts'
import type { Manifest } from './manifest.ts'
import type { ParseOptions, Wish } from './parse-options.ts'
import { NAME_PATTERN } from './patterns.ts'
import { readReclamation } from './reclamation.ts'
import type { RegistryLogin } from './registry-login.ts'
import { type ComputeProfile, readComputeProfile } from './sdl-compute.ts'
import { readSdlService } from './sdl-service.ts'
import type { Service } from './service.ts'
import type { WishContext } from './wish.ts'

const NO_IP =
  'Workers have no addresses of their own to lease. HTTP ports get a name at the gateway and other TCP ports a port of the worker.'

/**
 * Akash Stack Definition Language 2.0 and 2.1 (akash-network docs, "SDL") → manifest. One placement group is
 * one lease; a file with several needs `options.group`.
 */
export function parseSdl(
  root: Field,
  options: ParseOptions,
): { manifest: Manifest; groups: string[]; logins: RegistryLogin[]; wishes: Wish[] } {
  readVersion(root)
  const services =
    root.get('services') ?? root.refuse('there are no services', 'SDL has a "services" mapping.')
  const deployment =
    root.get('deployment') ??
    root.refuse('there is no deployment', 'SDL has a "deployment" mapping from services to placement groups.')
  const profiles =
    root.get('profiles') ??
    root.refuse('there are no profiles', 'SDL has "profiles" with "compute" and "placement".')
  const elsewhere = () => {}
  root.fields({
    version: elsewhere,
    services: elsewhere,
    deployment: elsewhere,
    profiles: elsewhere,
    endpoints: checkEndpoints,
    include: checkInclude,
    reclamation: elsewhere,
  })
  profiles.knownFields({ compute: elsewhere, placement: elsewhere })
  const compute = new Map((profiles.get('compute') ?? profiles.fail('compute profiles')).entries())
  const placement = new Map((profiles.get('placement') ?? profiles.fail('placement groups')).entries())

  const groups = [
    ...new Set(deployment.entries().flatMap(([, service]) => service.entries().map(([group]) => group))),
  ]
  const group = chooseGroup(groups, options.group, deployment)
  const manifest: Manifest = {
    version: 1,
    services: {},
    volumes: {},
    attributes: readPlacement(group, placement, deployment),
  }
  const logins: RegistryLogin[] = []
  const context: WishContext = { options, wishes: [] }
  checkCount(deployment.entries().length, root)
  const deployed = new Map<string, () => Service>()
  for (const [name, entry] of deployment.entries()) {
    if (!NAME_PATTERN.test(name))
      entry.fail('a service name of letters, digits, ".", "_" and "-", at most 46')
    const service =
      services.get(name) ??
      entry.refuse(
        `the service ${name} is not defined`,
        `Defined are: ${services
          .entries()
          .map(([n]) => n)
          .join(', ')}.`,
      )
    const here = entry.get(group)
    if (!here) continue
    let profile: ComputeProfile | undefined
    let count = 1
    here.knownFields({
      profile: (field) => {
        const found = compute.get(field.text())
        if (!found)
          field.refuse(
            `the compute profile ${field.text()} is not defined`,
            `Defined are: ${[...compute.keys()].join(', ')}.`,
          )
        else profile = readComputeProfile(found)
      },
      count: (field) => void (count = field.integer(1, 100)),
    })
    if (!profile) here.fail('a profile')
    deployed.set(name, () =>
      readSdlService(name, service, {
        profile: profile ?? here.fail('a profile'),
        count,
        manifest,
        logins,
        context,
      }),
    )
  }
  // The order of "services" is the file's own; the front door is the first of them.
  each(services.entries(), ([name]) => {
    const read = deployed.get(name)
    if (read) manifest.services[name] = read()
  })
  readReclamation(root.get('reclamation'), manifest)
  if (root.get('x-internet')?.boolean() === false) manifest.internet = false
  readFront(root, manifest)
  readNetwork(root, manifest)
  for (const [name, service] of services.entries())
    if (!deployment.get(name)) service.warn('ignored: the service is not deployed')
  warnOfUnused(compute, placement, deployment)
  for (const [name, service] of Object.entries(manifest.services))
    for (const dependency of service.dependsOn)
      if (!manifest.services[dependency.service])
        services
          .get(name)
          ?.get(
            services.get(name)?.get('dependencies')
              ? 'dependencies'
              : services.get(name)?.get('depends_on')
                ? 'depends_on'
                : 'depends-on',
          )
          ?.refuse(
            `${dependency.service} is not in the placement group ${group}`,
            'A service depends on services of its own group only.',
          )
  checkTargets(services, manifest)
  return { manifest, groups, logins, wishes: context.wishes }
}

/** Akash passes over profiles that no service is deployed with, whatever stands in them. */
function warnOfUnused(compute: Map<string, Field>, placement: Map<string, Field>, deployment: Field): void {
  const uses = deployment.entries().flatMap(([, service]) => service.entries())
  const isNone = 'ignored: no service is deployed with this profile'
  for (const [name, profile] of compute)
    if (!uses.some(([, use]) => use.isMap && use.get('profile')?.value === name)) profile.warn(isNone)
  for (const [name, profile] of placement) if (!uses.some(([group]) => group === name)) profile.warn(isNone)
}

function readVersion(root: Field): void {
  const version =
    root.get('version') ?? root.refuse('the file has no version', 'Begin with version: "2.0" or "2.1".')
  if (!['2.0', '2', '2.1'].includes(version.text())) version.fail('"2.0" or "2.1"')
}

function chooseGroup(groups: string[], wanted: string | undefined, deployment: Field): string {
  if (wanted !== undefined) {
    if (!groups.includes(wanted))
      deployment.refuse(`there is no placement group ${wanted}`, `Groups: ${groups.join(', ')}.`)
    return wanted
  }
  const [first] = groups
  if (first === undefined) return deployment.fail('at least one service')
  if (groups.length > 1)
    deployment.refuse(`the file has ${groups.length} placement groups and one is one lease`, {
      do: 'choose-group',
      subject: groups.join(', '),
    })
  return first
}

function readPlacement(
  group: string,
  placement: Map<string, Field>,
  deployment: Field,
): Record<string, string> {
  let attributes: Record<string, string> = {}
  const field =
    placement.get(group) ??
    deployment.refuse(
      `the placement group ${group} is not defined`,
      `Defined are: ${[...placement.keys()].join(', ')}.`,
    )
  field.knownFields({
    attributes: (list) => {
      attributes = readAttributes(list, (key, value) => {
        const isAkash = key === 'host' && value.value === 'akash'
        if (isAkash) value.warn('ignored: every worker is on this network')
        return isAkash
      })
    },
    signedBy: (signers) => {
      if (!signers.isNull) signers.warn('ignored: there are no auditors here; a worker proves itself')
    },
    pricing: (pricing) => {
      for (const [, price] of pricing.entries())
        price.knownFields({
          denom: (denom) => void denom.text(),
          amount: (amount) => void amount.matching(/^\d+(\.\d+)?$/, 'an amount'),
        })
      pricing.warn(
        "ignored: Akash's prices per block are in another currency; state the highest price you pay when you deploy",
      )
    },
  })
  return attributes
}

function checkEndpoints(field: Field): void {
  if (field.isNull) return
  for (const [, endpoint] of field.entries()) {
    const kind = endpoint.get('kind')
    if (kind?.value !== 'ip') endpoint.fail('kind: ip')
    endpoint.refuse("a leased IP address can't be honoured", NO_IP)
  }
}

function checkInclude(field: Field): void {
  if (!field.isNull && field.list().length > 0)
    field.refuse("other files can't be included", 'Put everything into one file.')
}

/** `to: - service: x` must name a service of the lease. */
function checkTargets(services: Field, manifest: Manifest): void {
  for (const name of Object.keys(manifest.services))
    for (const expose of services.get(name)?.get('expose')?.list() ?? [])
      for (const target of expose.get('to')?.isList ? (expose.get('to')?.list() ?? []) : []) {
        const service = target.get('service')
        if (service && !manifest.services[service.text()])
          service.refuse(
            `${service.text()} is not a service of this placement group`,
            `Services: ${Object.keys(manifest.services).join(', ')}.`,
          )
      }
}
