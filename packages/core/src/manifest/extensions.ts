import { NETWORK_NAME_PATTERN, NETWORK_NAME_RULE } from '../network/name.ts'
import { readDomains, readProxyProtocol } from './domain-fields.ts'
import type { Field } from './field.ts'
import { type Manifest, MOST_SERVICES } from './manifest.ts'
import { SECRET_NAME_PATTERN } from './patterns.ts'
import { parseSchedule } from './schedule.ts'
import type { Service } from './service.ts'

/**
 * What Compose and SDL have no words for, in either: `x-sealed` (secrets that come beside the manifest,
 * `NAME` for a variable, `NAME:/path` for a file), `x-exec: false` (nobody runs commands inside),
 * `x-logs: false` (nobody reads what it prints), `x-schedule` (when it is started), `x-on-notice` (what it
 * does once notice was given), `x-domains` and `x-proxy-protocol` (see those) and `x-agent-socket: true`.
 */
export function readExtensions(root: Field, service: Service): void {
  const sealed = root.get('x-sealed')
  if (sealed) for (const item of sealed.list()) addSealed(item, item.text(), service)
  readSchedule(root, service)
  readOnNotice(root, service)
  readDomains(root, service)
  readProxyProtocol(root, service)
  if (root.get('x-exec')?.boolean() === false) service.exec = false
  if (root.get('x-logs')?.boolean() === false) service.logs = false
  if (root.get('x-agent-socket')?.boolean() === true) service.agentSocket = true
}

/** `x-schedule`: five fields of cron, or `@daily` and its like, in UTC. It starts the service alone. */
function readSchedule(root: Field, service: Service): void {
  const at = root.get('x-schedule')
  if (!at) return
  const schedule = parseSchedule(at.text())
  if (schedule === undefined)
    return at.fail('five fields of cron such as "0 3 * * *", in UTC, or @hourly, @daily, @weekly, @monthly')
  if (service.restart.policy !== 'no')
    at.refuse('the service is restarted as well', 'A schedule starts it: drop its restart policy.')
  if (service.count > 1)
    at.refuse('the service has several replicas', 'It is never started two at once: leave one.')
  service.schedule = schedule
}

/** `x-on-notice`: words of a command, or a line for the container's shell. */
function readOnNotice(root: Field, service: Service): void {
  const said = root.get('x-on-notice')
  if (!said) return
  service.onNotice = said.isList
    ? ['CMD', ...said.list().map((word) => word.text())]
    : ['CMD-SHELL', said.text()]
  if (service.onNotice.length < 2 || service.onNotice.includes(''))
    said.fail('a command, as a list of words or as a line for its shell')
}

/** One sealed secret of a service, `NAME` or `NAME:/path`. */
export function addSealed(item: Field, text: string, service: Service): void {
  const colon = text.indexOf(':')
  const name = colon < 0 ? text : text.slice(0, colon)
  const path = colon < 0 ? undefined : text.slice(colon + 1)
  if (!SECRET_NAME_PATTERN.test(name) || (path !== undefined && !path.startsWith('/')))
    item.fail('NAME for a variable, or NAME:/path for a file')
  service.sealed = [...(service.sealed ?? []), path === undefined ? { name } : { name, path }]
}

/** Refuses more services than a lease has, before each of them is read. */
export function checkCount(services: number, root: Field): void {
  if (services > MOST_SERVICES)
    root
      .get('services')
      ?.refuse(
        `there are ${services} services, and a lease has at most ${MOST_SERVICES}`,
        'Deploy some of them as a lease of their own.',
      )
}

/**
 * `x-front: service` or `x-front: service:port` at the top level: what the lease's bare address leads to.
 * Where nothing is said, the first HTTP port that the file publishes, in the file's own order.
 */
export function readFront(root: Field, manifest: Manifest): void {
  const said = root.get('x-front')
  const [wanted, port] = said ? said.text().split(':') : []
  for (const [service, { expose }] of Object.entries(manifest.services)) {
    if (wanted !== undefined && service !== wanted) continue
    const door = expose.find(
      (exposed) =>
        exposed.protocol === 'http' &&
        exposed.global &&
        (port === undefined || String(exposed.port) === port),
    )
    if (!door) continue
    manifest.front = { service, port: door.port }
    return
  }
  said?.refuse(
    `${said.text().slice(0, 60)} is no HTTP port that the file publishes`,
    'Name a service, or service:port with the port inside.',
  )
}

/** `x-network: NAME` at the top level: the private network that the tenant's leases are on together. */
export function readNetwork(root: Field, manifest: Manifest): void {
  const said = root.get('x-network')
  if (!said) return
  if (NETWORK_NAME_PATTERN.test(said.text())) manifest.network = said.text()
  else said.fail(`the name of a private network: ${NETWORK_NAME_RULE}`)
}
