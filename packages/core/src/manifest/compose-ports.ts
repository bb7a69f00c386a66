import { isInternalAddress } from '../internal-addresses.ts'
import { parseIp } from '../ip-address.ts'
import { readProxyVersion } from './domain-fields.ts'
import { each } from './every-problem.ts'
import type { Field } from './field.ts'
import { addPort, httpOptions, spokenOn } from './ports.ts'
import type { Service } from './service.ts'

const MOST_PORTS = 100
/** Where gRPC's own examples listen. */
const GRPC_PORT = 50_051

/** One entry of `ports`: what it opens, from which of the container's ports on, and as what. */
interface Published {
  first: number
  last: number
  /** The first port outside; a range that leads to one port stands for its first. */
  as: number
  udp: boolean
  address: string
  said: string | undefined
  proxy: 'v1' | 'v2' | undefined
}

/** `ports`, short and long form: HTTP through the gateway, or a TCP or UDP port of the worker. */
export function readComposePorts(root: Field, service: Service): void {
  if (root.isNull) return
  each(fewOf(root), (item) => publish(item.isMap ? readLong(item) : readShort(item), item, service))
}

/** `expose`: ports for the lease's other containers, singly or as a range, with `/udp` where they are. */
export function readComposeExpose(root: Field, service: Service): void {
  if (root.isNull) return
  each(fewOf(root), (item) => {
    const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp))?$/i.exec(item.text())
    if (!match) return item.fail('a port such as 3000, 3000-3005 or 53/udp')
    const [first, last] = range(match[1], match[2], item)
    const protocol = match[3]?.toLowerCase() === 'udp' ? 'udp' : 'tcp'
    for (let port = first; port <= last; port++)
      addPort(service.expose, { port, as: port, protocol, global: false })
  })
}

/**
 * `[address:][published:]port[/protocol]`, as Docker reads it: from its end, since an address may have
 * colons.
 */
function readShort(item: Field): Published {
  const match = /^(?:(?:(.*):)?(\d*)(?:-(\d+))?:)?(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i.exec(item.text())
  if (!match) return item.fail('a port such as 8080:80')
  const [, address = '', hostFirst = '', hostLast, inFirst, inLast, protocol = 'tcp'] = match
  const [first, last] = range(inFirst, inLast, item)
  const [as, asLast] = hostFirst === '' ? [first, last] : range(hostFirst, hostLast, item)
  // Several published ports for one inside: Docker takes the first that is free.
  if (last > first && asLast - as !== last - first) item.fail('port ranges of the same length')
  const bare = address.replace(/^\[(.*)\]$/, '$1')
  if (bare !== '' && bare !== 'localhost' && parseIp(bare) === undefined)
    item.fail('an address before the port')
  if (protocol.toLowerCase() === 'sctp') item.refuse("SCTP can't be honoured", 'Use TCP or UDP.')
  return {
    first,
    last,
    as,
    udp: protocol.toLowerCase() === 'udp',
    address: bare,
    said: undefined,
    proxy: undefined,
  }
}

function readLong(item: Field): Published {
  const port: Published = {
    first: 0,
    last: 0,
    as: 0,
    udp: false,
    address: '',
    said: undefined,
    proxy: undefined,
  }
  item.fields(
    {
      target: (field) => void (port.first = port.last = field.integer(1, 65_535)),
      published: (field) => {
        const match = /^(\d+)(?:-(\d+))?$/.exec(field.text())
        if (!match) return field.fail('a port')
        if (Number(match[1]) > 0) port.as = range(match[1], match[2], field)[0]
      },
      protocol: (field) =>
        void (port.udp = field.matching(/^(?:tcp|udp)$/i, 'tcp or udp').toLowerCase() === 'udp'),
      app_protocol: (field) =>
        void (port.said = field.matching(/^[\w./+-]{1,64}$/, 'a protocol such as http, tcp or grpc')),
      host_ip: (field) =>
        void (port.address =
          field.text() === '' || field.text() === 'localhost' || parseIp(field.text()) !== undefined
            ? field.text()
            : field.fail('an address')),
    },
    {},
    { mode: 'every published port is reached the same way', name: 'ports are known by their numbers' },
  )
  if (port.first === 0) item.fail('a target port')
  const proxy = item.get('x-proxy-protocol')
  if (proxy) port.proxy = readProxyVersion(proxy)
  return { ...port, as: port.as || port.first }
}

function publish(published: Published, item: Field, service: Service): void {
  const { first, last, as, udp, address, said, proxy } = published
  const inside = isHostsOwn(address)
  if (inside)
    item.warn(
      `not published: ${address} is for programs of the machine alone; services of the lease reach the port, nobody else does`,
    )
  for (let port = first; port <= last; port++) {
    const outside = as + port - first
    const spoken = spokenOn(port, outside, said)
    if (inside) addPort(service.expose, { port, as: port, protocol: udp ? 'udp' : 'tcp', global: false })
    else if (udp) addPort(service.expose, { port, as: outside, protocol: 'udp', global: true })
    else {
      if (port === GRPC_PORT && said === undefined)
        item.warn(`${port} is served as HTTP/1.1; for gRPC say app_protocol: grpc`)
      if (spoken.guess)
        item.warn(
          `${port} is served as a TCP port of the worker, as ${spoken.guess} is; for HTTP say app_protocol: http`,
        )
      if (proxy && spoken.protocol !== 'tcp')
        item.refuse(
          `the PROXY protocol is spoken to TCP ports, and ${port} is HTTP`,
          'HTTP services learn the address from X-Forwarded-For; else say app_protocol: tcp.',
        )
      const http = spoken.protocol === 'http' && spoken.version ? { version: spoken.version } : {}
      addPort(service.expose, {
        port,
        as: outside,
        protocol: spoken.protocol,
        global: true,
        ...httpOptions(http),
        ...(proxy && { proxy }),
      })
    }
  }
}

/**
 * An address that only the machine itself or its own network reaches; none or the unspecified one is
 * everybody's.
 */
function isHostsOwn(address: string): boolean {
  if (address === '' || address === '0.0.0.0' || /^[0:]+$/.test(address)) return false
  return address === 'localhost' || isInternalAddress(address)
}

/** Entries of a list of ports, unless there are more than anybody opens. */
function fewOf(root: Field): Field[] {
  const items = root.list()
  if (items.length > MOST_PORTS)
    root.refuse(
      `more than ${MOST_PORTS} entries of ports are not read`,
      'Write them as ranges, and name the ports that are needed.',
    )
  return items
}

function range(first: string | undefined, last: string | undefined, item: Field): [number, number] {
  const from = item.with(first ?? '').integer(1, 65_535)
  const to = last === undefined ? from : item.with(last).integer(from, 65_535)
  if (to - from >= MOST_PORTS)
    item.refuse(`more than ${MOST_PORTS} ports at once are not opened`, 'Name the ports that are needed.')
  return [from, to]
}
