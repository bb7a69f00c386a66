import { gatewayDomain, type Manifest, shortId } from '@cloister/core'
import type { Hex } from 'viem'
import { type Exposed, exposedHttp } from './exposed.ts'

/**
 * Variables that tell a service's containers where the outside reaches it, at its own domain or through the
 * network's gateway:
 * `CLOISTER_URL` is its own first HTTP port, or the lease's bare address where it has none;
 * `CLOISTER_URL_<SERVICE>` is the first of each service that has one, in capitals and with `_` for what no
 * variable's name has.
 */
export function publicUrls(
  lease: Hex,
  manifest: Manifest,
  service: string,
  gatewayUrl: string,
): Record<string, string> {
  const variables: Record<string, string> = {}
  const first = new Map<string, string>()
  for (const exposed of exposedHttp(manifest))
    if (!first.has(exposed.service)) first.set(exposed.service, urlOf(gatewayUrl, lease, exposed))
  const own = first.get(service) ?? [...first.values()][0]
  if (own !== undefined) variables['CLOISTER_URL'] = own
  for (const [name, url] of first)
    variables[`CLOISTER_URL_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`] = url
  return variables
}

/** At the first domain that the port has, where it has one that isn't for many. */
function urlOf(gatewayUrl: string, lease: Hex, { label, domains = [] }: Exposed): string {
  const own = domains.find((domain) => !domain.startsWith('*.'))
  return own === undefined ? addressOf(gatewayUrl, lease, label) : `https://${own}`
}

/** `https://<lease>-<label>.<domain>`. */
function addressOf(gatewayUrl: string, lease: Hex, label: string): string {
  const url = new URL(gatewayUrl)
  url.hostname = `${shortId(lease)}-${label}.${gatewayDomain(gatewayUrl)}`
  return url.origin
}
