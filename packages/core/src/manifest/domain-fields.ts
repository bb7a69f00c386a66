import { isDomain, MOST_DOMAINS } from './domains.ts'
import type { Field } from './field.ts'
import type { Exposure, Service } from './service.ts'

/**
 * `x-domains`: domains of the tenant's own, `app.example.org` or `app.example.org:8080` with the port inside.
 * Without a port it is the service's published HTTP port, else its published TCP port; which it is has to be
 * said where there are several.
 */
export function readDomains(root: Field, service: Service): void {
  const domains = root.get('x-domains')
  if (!domains || domains.isNothing) return
  for (const item of domains.list()) {
    const [, name = '', port] = /^(.*?)(?::(\d{1,5}))?$/s.exec(item.text()) ?? []
    addDomain(item, name, portOf(item, service, port), service)
  }
}

function portOf(item: Field, { expose }: Service, port: string | undefined): Exposure {
  const open = expose.filter(({ global, protocol }) => global && protocol !== 'udp')
  const http = open.filter(({ protocol }) => protocol === 'http')
  const meant =
    port !== undefined
      ? open.filter((exposed) => String(exposed.port) === port)
      : http.length > 0
        ? http
        : open
  const [found] = meant
  if (!found)
    return item.refuse(
      port === undefined
        ? 'the service publishes no HTTP or TCP port'
        : `the service publishes no port ${port}`,
      'Publish one under "ports"; a domain leads to it.',
    )
  if (new Set(meant.map((exposed) => exposed.port)).size > 1)
    return item.refuse(
      `the service publishes several ports (${meant.map((exposed) => exposed.port).join(', ')})`,
      `Say which: ${item.text().slice(0, 80)}:${found.port}.`,
    )
  return found
}

/** Gives a port a domain, which has to be one and can lead to one port alone. */
function addDomain(item: Field, name: string, exposed: Exposure, service: Service): void {
  const domain = name.toLowerCase().replace(/\.$/, '')
  if (!isDomain(domain))
    item.fail('a domain such as app.example.org or *.example.org (others than Latin letters as xn--…)')
  if (service.expose.some(({ domains }) => domains?.includes(domain)))
    item.refuse(`${domain} is there twice`, 'A domain leads to one port.')
  if ((exposed.domains?.length ?? 0) >= MOST_DOMAINS)
    item.refuse(`a port has at most ${MOST_DOMAINS} domains`, 'A wildcard (*.example.org) stands for many.')
  exposed.domains = [...(exposed.domains ?? []), domain]
}

/**
 * SDL's `accept`: domains that lead to a port. On Akash it may hold any text, so what is no domain is warned
 * of.
 */
export function readAccept(names: Field[], service: Service, port: number): void {
  for (const name of names) {
    const exposed = service.expose.find(
      (other) => other.port === port && other.global && other.protocol !== 'udp',
    )
    if (!exposed) name.warn('ignored: the port is not open to the outside')
    else if (isDomain(name.text().toLowerCase())) addDomain(name, name.text(), exposed, service)
    else name.warn('ignored: it is no domain that could have a certificate')
  }
}

/**
 * `x-proxy-protocol: v1` or `v2`: how clients' addresses are told to all TCP ports that a service publishes.
 */
export function readProxyProtocol(root: Field, service: Service): void {
  const said = root.get('x-proxy-protocol')
  if (!said) return
  const version = readProxyVersion(said)
  const ports = service.expose.filter(({ protocol, global }) => protocol === 'tcp' && global)
  if (ports.length === 0)
    said.refuse(
      'the service publishes no TCP port',
      'HTTP services learn the address from X-Forwarded-For; for TCP say app_protocol: tcp on the port.',
    )
  for (const port of ports) port.proxy ??= version
}

/** A version of the PROXY protocol as a file says it. */
export function readProxyVersion(field: Field): 'v1' | 'v2' {
  return field.matching(/^v[12]$/, 'v1 or v2') as 'v1' | 'v2'
}
