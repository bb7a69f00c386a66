import { readAccept, readProxyVersion } from './domain-fields.ts'
import type { Field } from './field.ts'
import { addPort, httpOptions } from './ports.ts'
import type { HttpOptions, Service } from './service.ts'

const NO_RETRY = 'a request goes to one container and is not sent again to another'

/**
 * One entry of `expose`. As on Akash, a TCP port seen as 80 is HTTP and reached by name; others are reached
 * as they are.
 */
export function readSdlExpose(root: Field, service: Service): void {
  let port = 0
  let as: number | undefined
  let udp = false
  let global = false
  let inner: Field | undefined
  let options: Field | undefined
  let names: Field[] = []
  root.knownFields({
    port: (field) => void (port = field.integer(1, 65_535)),
    as: (field) => void (as = field.integer(0, 65_535) || undefined),
    proto: (field) =>
      void (udp = field.matching(/^(?:tcp|udp|http|)$/i, 'tcp or udp').toLowerCase() === 'udp'),
    to: (field) => {
      for (const target of field.isNull ? [] : field.list())
        target.knownFields({
          global: (value) => void (global = value.boolean() || global),
          service: (value) => void (inner = value.text() !== '' ? value : inner),
          ip: (value) =>
            value.refuse(
              "a leased IP address can't be honoured",
              'HTTP ports get a name at the gateway and other TCP ports a port of the worker; drop "ip" and "endpoints".',
            ),
        })
    },
    accept: (field) => void (names = field.isNull ? [] : field.list()),
    http_options: (field) => void (options = field),
  })
  if (port === 0) root.fail('a port')
  const outside = as ?? port
  if (inner && outside !== port)
    inner.warn(`services of the lease reach it at port ${port}, not ${outside}; "as" is for the outside`)
  const protocol = udp ? 'udp' : outside === 80 ? 'http' : 'tcp'
  const http = options && !options.isNull ? readHttpOptions(options) : {}
  if (protocol !== 'http') options?.warn('ignored: only a port seen as 80 is HTTP')
  const proxy = root.get('x-proxy-protocol')
  if (proxy && (protocol !== 'tcp' || !global))
    proxy.refuse('the PROXY protocol is spoken to TCP ports that are global', 'Drop the field.')
  addPort(service.expose, {
    port,
    as: outside,
    protocol: global || udp ? protocol : 'tcp',
    global,
    ...(protocol === 'http' && global ? httpOptions(http) : {}),
    ...(proxy && { proxy: readProxyVersion(proxy) }),
  })
  readAccept(names, service, port)
}

/** `http_options`: 0 is Akash's own default, which the gateway's stands for. */
function readHttpOptions(root: Field): HttpOptions {
  const options: HttpOptions = {}
  root.knownFields(
    {
      max_body_size: (field) => {
        const bytes = field.integer(0, 1 << 30)
        if (bytes > 0) options.maxBodyBytes = bytes
      },
      read_timeout: (field) => {
        const milliseconds = field.integer(0, 86_400_000)
        if (milliseconds > 0) options.readTimeoutMs = milliseconds
      },
      send_timeout: (field) => {
        const milliseconds = field.integer(0, 86_400_000)
        if (milliseconds > 0) options.sendTimeoutMs = milliseconds
      },
    },
    {},
    {
      next_tries: NO_RETRY,
      next_timeout: NO_RETRY,
      next_cases: NO_RETRY,
      proxy_buffer_size: 'heads of answers have one limit for all',
    },
  )
  return options
}
