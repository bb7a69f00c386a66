import { isLeaseName, SHORT_ID_LENGTH } from '@cloister/core'

/**
 * What a host name asks for: a lease by short id or name, and a label within it (empty for its front door).
 */
export interface Wanted {
  key: string
  label: string
}

const BY_ID = new RegExp(`^([0-9a-f]{${SHORT_ID_LENGTH}})(?:-([a-z0-9][a-z0-9-]{0,45}))?$`)

/**
 * Reads `<lease>-<label>.<domain>`, `<lease>.<domain>` or `<name>.<domain>`. `home` is the domain itself;
 * undefined is a host that isn't ours.
 */
export function readHost(host: string | undefined, domain: string): Wanted | 'home' | undefined {
  const name = (host ?? '')
    .toLowerCase()
    .replace(/:\d{1,5}$/, '')
    .replace(/\.$/, '')
  if (name === domain || name === '127.0.0.1' || name === '[::1]' || name === 'localhost') return 'home'
  if (!name.endsWith(`.${domain}`)) return undefined
  const label = name.slice(0, -domain.length - 1)
  const byId = BY_ID.exec(label)
  if (byId) return { key: byId[1] ?? '', label: byId[2] ?? '' }
  return isLeaseName(label) ? { key: label, label: '' } : undefined
}

/** Hosts that are remembered, and how long they may be. */
const MAX_HOSTS = 10_000
const MAX_HOST_LENGTH = 253

/** Reads hosts under a domain as `readHost` does, and remembers the latest. */
export class Hosts {
  private readonly domain: string
  private readonly known = new Map<string, Wanted | 'home'>()

  constructor(domain: string) {
    this.domain = domain
  }

  read(host: string): Wanted | 'home' | undefined {
    const found = this.known.get(host)
    if (found) return found
    if (host.length > MAX_HOST_LENGTH) return readHost(host, this.domain)
    // A copy: what is cut out of a head would keep the whole of it in memory.
    const copy = Buffer.from(host).toString()
    const wanted = readHost(copy, this.domain)
    if (!wanted) return undefined
    if (this.known.size >= MAX_HOSTS) this.known.clear()
    this.known.set(copy, wanted)
    return wanted
  }
}
