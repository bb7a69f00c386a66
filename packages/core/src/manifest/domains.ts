import * as z from 'zod'

/** A DNS name of two labels or more, in lower case (RFC 1035, section 2.3.1); IDNs in their ASCII form. */
const NAME =
  /^(?=.{3,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/
/** Its DNS names are the machine's own or the local network's; nobody certifies them. */
const NOBODYS = /(?:^|\.)(?:localhost|local|internal|arpa|onion|invalid|home\.arpa)$/

/** What a worker says of itself that serves domains, and a manifest that has some asks for. */
export const DOMAINS_ATTRIBUTE = { name: 'domains', value: 'yes' } as const

/** Domains that one port may have. */
export const MOST_DOMAINS = 16

/**
 * Whether a text is a domain that a port can have: `app.example.org`, or `*.example.org` for all below it.
 */
export function isDomain(text: string): boolean {
  const name = text.startsWith('*.') ? text.slice(2) : text
  return NAME.test(name) && !NOBODYS.test(name)
}

/** Whether a host name, in lower case, is a domain's: itself, or one label below a wildcard's. */
export function isOfDomain(host: string, domain: string): boolean {
  if (!domain.startsWith('*.')) return host === domain
  const below = host.indexOf('.')
  return below > 0 && host.slice(below) === domain.slice(1)
}

/** A domain of a manifest, and the port that it leads to. */
export interface ManifestDomain {
  domain: string
  service: string
  port: number
  protocol: 'http' | 'tcp'
}

/** What of a manifest says where domains lead. */
interface WithDomains {
  services: Record<
    string,
    { expose: { port: number; protocol: 'http' | 'tcp' | 'udp'; domains?: string[] | undefined }[] }
  >
}

/** The domains of a manifest, by name. */
export function domainsOf({ services }: WithDomains): ManifestDomain[] {
  return Object.entries(services)
    .flatMap(([service, { expose }]) =>
      expose.flatMap(({ port, protocol, domains = [] }) =>
        protocol === 'udp' ? [] : domains.map((domain) => ({ domain, service, port, protocol })),
      ),
    )
    .sort((one, other) => (one.domain < other.domain ? -1 : 1))
}

/** Which domain of several a host name is of: itself before a wildcard. */
export function domainFor<T extends { domain: string }>(host: string, domains: readonly T[]): T | undefined {
  return (
    domains.find(({ domain }) => domain === host) ?? domains.find(({ domain }) => isOfDomain(host, domain))
  )
}

/** A domain as a manifest has it. */
export const Domain = z.string().max(255).refine(isDomain, 'not a domain such as app.example.org')
