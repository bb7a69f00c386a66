import { formatDuration, shortId } from '@cloister/core'
import { type NetworkMember, networks } from '@cloister/sdk'
import { printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'

export async function showNetwork(name: string, options: Globals): Promise<void> {
  const network = await networks.show(connect(options), name)
  if (options.json) return sayJson(network)
  const { members } = network
  const places = members.flatMap((member) =>
    member.report.places.map(({ services, ipv6, ipv4 }) => [
      nameOf(member),
      printable(services.map((service) => `${service}.${nameOf(member)}.${name}`).join(' ')),
      printable(ipv6),
      printable(ipv4),
      `${member.worker.slice(0, 10)}…`,
    ]),
  )
  say(table(['lease', 'names', 'IPv6', 'IPv4', 'worker'], places))
  const now = Date.now() / 1000
  const tunnels = members.flatMap((member) =>
    member.report.peers.flatMap((peer) =>
      peer.tunnels.map(({ way, handshakeAt, receivedBytes, sentBytes }) => [
        nameOf(member),
        printable(peer.name === '' ? shortId(peer.lease) : peer.name),
        way === 'none' ? 'not reached' : way,
        handshakeAt === 0 ? 'never' : `${formatDuration(Math.max(0, Math.round(now - handshakeAt)))} ago`,
        mib(receivedBytes),
        mib(sentBytes),
      ]),
    ),
  )
  if (tunnels.length > 0) {
    say()
    say(table(['from', 'to', 'way', 'handshake', 'received', 'sent'], tunnels))
  }
  for (const member of members)
    if (member.problem !== undefined) say(`\n${nameOf(member)}: ${printable(member.problem)}`)
}

function nameOf({ name, lease }: NetworkMember): string {
  return printable(name ?? shortId(lease))
}

function mib(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}
