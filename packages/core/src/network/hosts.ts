import type { Hex } from 'viem'
import { hostLabel, shortId } from '../market/names.ts'

/** A lease on a network, and where its services are. */
export interface NamedMember {
  lease: Hex
  /** The name it was opened with. */
  name: string | undefined
  places: { services: readonly string[]; ipv6: string; ipv4?: string | undefined }[]
}

/** What ends the full names: nobody has it on the internet (ICANN board resolution 2024.07.29.06). */
const SUFFIX = 'internal'

/**
 * Lines of hosts(5) for a network. A service is `SERVICE.LEASE.NETWORK.internal`, and the same without its
 * last words down to `SERVICE.LEASE`; the lease itself is `LEASE.NETWORK.internal` and `LEASE.NETWORK`.
 * `LEASE` is its name or its short id. Names of several places have a line for each.
 *
 * ```ts
 * networkHosts('backend', members) // ['fd12:…:1 postgres.db.backend.internal postgres.db.backend …', …]
 * ```
 */
export function networkHosts(network: string, members: readonly NamedMember[]): string[] {
  return members.flatMap(({ lease, name, places }) => {
    const called = [...new Set([...(name === undefined ? [] : [name]), shortId(lease)])]
    return places.flatMap(({ services, ipv6, ipv4 }) => {
      const names = called.flatMap((own) => [
        ...services.flatMap((service) => forms(`${hostLabel(service)}.${own}`, network, true)),
        ...forms(own, network, false),
      ])
      return [ipv6, ...(ipv4 === undefined ? [] : [ipv4])].map((address) => `${address} ${names.join(' ')}`)
    })
  })
}

function forms(name: string, network: string, isShort: boolean): string[] {
  return [`${name}.${network}.${SUFFIX}`, `${name}.${network}`, ...(isShort ? [name] : [])]
}
