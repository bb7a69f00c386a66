import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'

/** The name servers that this machine asks, by its resolv.conf(5), without those on its own loopback. */
export function hostResolvers(path = '/etc/resolv.conf'): string[] {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    // Without the file nobody is asked.
  }
  const servers = [...text.matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '')
  return servers.filter((server) => isIP(server) !== 0 && !/^(127\.|::1$)/.test(server))
}
