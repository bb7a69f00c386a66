import { parseIp } from '../ip-address.ts'
import type { ComposeContext } from './compose-context.ts'
import type { Field } from './field.ts'
import { ALIAS_PATTERN } from './patterns.ts'
import type { Service } from './service.ts'

const NOT_CHOSEN = "addresses are the worker's to choose; services find each other by name"

/** A name by which a service asks to be reached; `name` is the service's own, which needs no telling. */
export function addAlias(service: Service, name: string, alias: string, at: Field): void {
  if (!ALIAS_PATTERN.test(alias)) at.fail('a name of letters, digits, ".", "_" and "-"')
  if (alias === name || service.aliases?.includes(alias)) return
  service.aliases = [...(service.aliases ?? []), alias]
}

/** `networks` of a service: whichever they are, the lease has one. Names in them count. */
export function readServiceNetworks(
  root: Field,
  name: string,
  service: Service,
  { networks }: ComposeContext,
): void {
  if (root.isNull) return
  const known = (network: string, at: Field) => {
    if (network !== 'default' && !networks.has(network))
      at.refuse(`the network ${network} is not declared`, 'Declare it under "networks" at the top level.')
  }
  if (root.isList) {
    for (const item of root.list()) known(item.text(), item)
    return
  }
  for (const [network, entry] of root.entries()) {
    known(network, entry)
    if (entry.isNull) continue
    entry.fields(
      {
        aliases: (list) => {
          for (const alias of list.list()) addAlias(service, name, alias.text(), alias)
        },
      },
      {},
      {
        ipv4_address: NOT_CHOSEN,
        ipv6_address: NOT_CHOSEN,
        link_local_ips: NOT_CHOSEN,
        mac_address: NOT_CHOSEN,
        priority: 'a lease has one network',
        gw_priority: 'a lease has one network',
        interface_name: 'the worker names interfaces',
        driver_opts: 'the worker chooses how networks are made',
      },
    )
  }
}

/** Names of the networks that a service is on. */
export function networksOf(root: Field): string[] {
  const field = root.get('networks')
  if (!field || field.isNothing) return ['default']
  return field.isList ? field.list().map((item) => item.text()) : field.entries().map(([name]) => name)
}

/** Whether a service is on internal networks only. */
export function isInternalOnly(root: Field, { networks }: ComposeContext): boolean {
  return networksOf(root).every((name) => networks.get(name)?.get('internal')?.boolean() === true)
}

/** Top-level `networks`: their names, and `internal`, which counts where all services are on such. */
export function readNetworks(networks: Map<string, Field>): void {
  for (const [, network] of networks) {
    if (network.isNull) continue
    network.fields(
      { internal: (field) => void field.boolean() },
      {},
      {
        driver: 'the worker chooses how networks are made',
        driver_opts: 'the worker chooses how networks are made',
        external: 'a lease reaches no networks outside itself; its services share one of their own',
        attachable: 'nothing else attaches to a network of a lease',
        enable_ipv4: NOT_CHOSEN,
        enable_ipv6: NOT_CHOSEN,
        ipam: NOT_CHOSEN,
        labels: 'labels have no effect',
        name: 'the worker names networks',
      },
    )
  }
}

/** `links`: other names for services, which hold for the whole lease; the link itself is there anyway. */
export function readLinks(root: Field, service: Service, context: ComposeContext): void {
  for (const item of root.list()) {
    const [target = '', alias = target] = item.text().split(':')
    context.implied.push({ service, target })
    context.links.push({ target, alias, at: item })
  }
}

/** `NAME:ADDRESS` or `NAME=ADDRESS`, as a list or a mapping. */
export function readHosts(root: Field): [name: string, address: string, at: Field][] {
  return root.isMap
    ? root
        .entries()
        .flatMap(([name, value]) =>
          (value.isList ? value.list() : [value]).map((one): [string, string, Field] => [
            name,
            one.text(),
            one,
          ]),
        )
    : root.list().map((item) => {
        const match = /^([^:=]+)[:=](.+)$/.exec(item.text())
        return match ? [match[1] ?? '', match[2] ?? '', item] : item.fail('NAME:ADDRESS')
      })
}

/** `extra_hosts` of a service. */
export function readExtraHosts(root: Field, service: Service): void {
  for (const [name, written, at] of readHosts(root)) {
    const address = written.replace(/^\[|\]$/g, '')
    if (!ALIAS_PATTERN.test(name)) at.fail('a host name before the address')
    if (address === 'host-gateway')
      at.warn(`ignored: ${name} has no address, since a lease reaches nothing of its host`)
    else if (parseIp(address) === undefined) at.fail('an IP address')
    else if (service.hosts?.[name] !== undefined && service.hosts[name] !== address)
      at.refuse(`${name} has two addresses`, 'Name one.')
    else service.hosts = { ...service.hosts, [name]: address }
  }
}
