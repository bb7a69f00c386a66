import type { Field } from './field.ts'
import type { Service } from './service.ts'

const NO_UDP = 'Services are reached by HTTP and TCP; UDP works inside the lease only (use "expose").'

/** `ports`, short and long form: HTTP through the gateway, or with `app_protocol: tcp` a TCP port of the worker. */
export function readComposePorts(root: Field, service: Service): void {
  for (const item of root.list()) {
    if (item.isMap) readLong(item, service)
    else readShort(item, service)
  }
}

function readShort(item: Field, service: Service): void {
  const match = /^(?:(?:\[[0-9a-f:]+\]|[\d.]+):)?(?:(\d+)?(?:-(\d+))?:)?(\d+)(?:-(\d+))?(?:\/(tcp|udp))?$/.exec(item.text())
  if (!match) return item.fail('a port such as 8080:80')
  const [, hostFirst, hostLast, first, last, protocol] = match
  if (protocol === 'udp') item.refuse('UDP ports are not published', NO_UDP)
  const from = item.with(first).integer(1, 65_535)
  const to = last === undefined ? from : item.with(last).integer(from, 65_535)
  if (to - from > 99) item.refuse('more than 100 ports at once are not published', 'Name the ports that are needed.')
  const host = hostFirst === undefined ? from : item.with(hostFirst).integer(1, 65_535)
  if (hostLast !== undefined && Number(hostLast) - host !== to - from) item.fail('port ranges of the same length')
  for (let port = from; port <= to; port++) add(service, port, host + port - from, 'http')
}

function readLong(item: Field, service: Service): void {
  let target = 0
  let published: number | undefined
  let application = 'http'
  item.fields(
    {
      target: (field) => void (target = field.integer(1, 65_535)),
      published: (field) => void (published = field.integer(1, 65_535)),
      protocol: (field) => {
        if (field.text() === 'udp') field.refuse('UDP ports are not published', NO_UDP)
        if (field.text() !== 'tcp') field.fail('tcp')
      },
      app_protocol: (field) => void (application = field.text()),
      name: (field) => void field.text(),
    },
    {},
    { mode: 'every published port is reached the same way', host_ip: 'workers choose their addresses' },
  )
  if (target === 0) item.fail('a target port')
  add(service, target, published ?? target, application.startsWith('http') ? 'http' : 'tcp')
}

function add(service: Service, port: number, as: number, protocol: 'http' | 'tcp'): void {
  if (!service.expose.some((e) => e.port === port && e.as === as)) service.expose.push({ port, as, protocol, global: true })
}
