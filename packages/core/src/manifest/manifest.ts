import * as z from 'zod'
import { NETWORK_NAME_PATTERN } from '../network/name.ts'
import { ATTRIBUTE_PATTERN, ATTRIBUTE_VALUE_PATTERN, NAME_PATTERN } from './patterns.ts'
import { SENT_HOST, SentBlob } from './sent.ts'
import { mib, Service } from './service.ts'

/** Where a container finds the worker's agent, if its manifest asks for it. */
export const AGENT_SOCKET = '/run/cloister/agent.sock'

export const MOST_SERVICES = 64
const MIB = 1024 * 1024
/**
 * Names of volumes that a worker makes of its own accord: of an archive that is only read, of an image's
 * folder.
 */
const WORKERS_VOLUME = /\.(sent|image)-[0-9a-f]{12}$/

const name = z.string().regex(NAME_PATTERN)

/** What the file demands of the lease itself. The order carries it on. */
const Demands = z.strictObject({
  /** A TEE of the CPU's, or of the GPUs' as well (SDL 2.1, `params.tee`). */
  tee: z.enum(['cpu', 'cpu-gpu']).optional(),
  /** Least time between a provider's notice and the end (SDL, `reclamation`; Compose, `x-reclamation`). */
  noticeSeconds: z
    .int()
    .min(1)
    .max(366 * 86_400)
    .optional(),
})

/**
 * What to run, in canonical form: everything is stated, nothing is left to defaults, and nothing in it
 * depends on the machine it was written on. Sizes in MiB, times in milliseconds, CPUs in thousandths.
 */
export const Manifest = z
  .strictObject({
    version: z.literal(1),
    services: z.record(name, Service),
    volumes: z.record(
      name,
      z.strictObject({
        sizeMiB: mib,
        class: z.string().regex(/^[a-z0-9-]{1,32}$/),
        /**
         * A tar archive that it begins with. One that is only read is as the archive of the manifest at hand;
         * one that is written to keeps what was written.
         */
        from: SentBlob.optional(),
      }),
    ),
    /** What the worker must say of itself, all of it. */
    attributes: z.record(z.string().regex(ATTRIBUTE_PATTERN), z.string().regex(ATTRIBUTE_VALUE_PATTERN)),
    /**
     * What the lease's bare address leads to: an HTTP port that is open to the outside. The first of the
     * file, which the canonical order hides.
     */
    front: z.strictObject({ service: name, port: z.int().min(1).max(65_535) }).optional(),
    /** The lease's containers reach each other and nothing else. */
    internet: z.literal(false).optional(),
    /** The private network of its tenant's that the lease is on. */
    network: z.string().regex(NETWORK_NAME_PATTERN).optional(),
    demands: Demands.optional(),
  })
  .superRefine((manifest, context) => {
    const services = Object.entries(manifest.services)
    if (services.length === 0 || services.length > MOST_SERVICES)
      context.addIssue({ code: 'custom', path: ['services'], message: 'one to 64 services are needed' })
    const taken = new Set<string>()
    for (const [serviceName, service] of services) {
      const at = (message: string) =>
        context.addIssue({ code: 'custom', path: ['services', serviceName], message })
      const secrets = service.sealed?.map((secret) => secret.path ?? secret.name) ?? []
      if (new Set(secrets).size < secrets.length) at('takes a sealed secret twice at the same place')
      for (const secret of service.sealed ?? [])
        if (secret.path === undefined && Object.hasOwn(service.env, secret.name))
          at(`has the variable ${secret.name} both sealed and in the open`)
      for (const mount of service.mounts)
        if (!Object.hasOwn(manifest.volumes, mount.volume)) at(`mounts the unknown volume ${mount.volume}`)
      if (isSentWithoutDigest(service.image))
        at('takes an image that is sent, and does not say by which digest')
      for (const { service: other } of service.dependsOn)
        if (!Object.hasOwn(manifest.services, other)) at(`depends on the unknown service ${other}`)
        else if (manifest.services[other]?.schedule !== undefined)
          at(`waits for ${other}, which runs by a schedule`)
      if (service.schedule !== undefined && service.count > 1) at('runs by a schedule, and never two at once')
      if (service.schedule !== undefined && service.restart.policy !== 'no')
        at('runs by a schedule, and is restarted as well')
      for (const { port, protocol, http, domains, proxy, global } of service.expose) {
        if (http && protocol !== 'http') at(`has HTTP options on port ${port}, which is ${protocol}`)
        if (domains && (protocol === 'udp' || !global))
          at(`has domains on port ${port}, which is ${global ? protocol : 'not open to the outside'}`)
        if (proxy && (protocol !== 'tcp' || !global))
          at(
            `has the PROXY protocol on port ${port}, which is ${global ? protocol : 'not open to the outside'}`,
          )
        for (const domain of domains ?? []) {
          if (taken.has(domain)) at(`has the domain ${domain}, which leads somewhere already`)
          taken.add(domain)
        }
      }
      for (const alias of service.aliases ?? [])
        if (alias !== serviceName && Object.hasOwn(manifest.services, alias))
          at(`is called ${alias}, which is the name of another service`)
    }
    for (const [volumeName, { sizeMiB, from }] of Object.entries(manifest.volumes)) {
      if (WORKERS_VOLUME.test(volumeName))
        context.addIssue({
          code: 'custom',
          path: ['volumes', volumeName],
          message: 'is called as a worker calls volumes of its own',
        })
      if (from && from.bytes > sizeMiB * MIB)
        context.addIssue({
          code: 'custom',
          path: ['volumes', volumeName],
          message: 'is smaller than what it begins with',
        })
    }
    const { front } = manifest
    const door =
      front && Object.hasOwn(manifest.services, front.service) ? manifest.services[front.service] : undefined
    if (
      front &&
      !door?.expose.some(({ port, protocol, global }) => port === front.port && protocol === 'http' && global)
    )
      context.addIssue({
        code: 'custom',
        path: ['front'],
        message: 'no HTTP port of that service is open to the outside there',
      })
    const cycle = findCycle(manifest.services)
    if (cycle)
      context.addIssue({
        code: 'custom',
        path: ['services'],
        message: `dependencies form a circle: ${cycle.join(' → ')}`,
      })
  })

export type Manifest = z.infer<typeof Manifest>

/** References that can't be read are for whoever pulls them to refuse. */
function isSentWithoutDigest(image: string): boolean {
  return image.startsWith(`${SENT_HOST}/`) && !/@sha256:[0-9a-f]{64}$/.test(image)
}

function findCycle(services: Record<string, { dependsOn: { service: string }[] }>): string[] | undefined {
  const done = new Set<string>()
  const visit = (current: string, trail: string[]): string[] | undefined => {
    if (trail.includes(current)) return [...trail.slice(trail.indexOf(current)), current]
    if (done.has(current)) return undefined
    for (const { service } of services[current]?.dependsOn ?? []) {
      const cycle = visit(service, [...trail, current])
      if (cycle) return cycle
    }
    done.add(current)
    return undefined
  }
  for (const start of Object.keys(services)) {
    const cycle = visit(start, [])
    if (cycle) return cycle
  }
  return undefined
}
