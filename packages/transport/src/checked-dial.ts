import { lookup } from 'node:dns/promises'
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { CloisterError, isInternalAddress } from '@cloister/core'

const CONNECT_MS = 10_000

/** Ports that no web server has and other protocols do. WHATWG Fetch standard, section 2.9, "bad port". */
const BAD_PORTS = new Set([
  ...[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119,
  ],
  ...[
    123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554,
    556, 563, 587, 601, 636, 989, 990,
  ],
  ...[
    993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
    6679, 6697, 10080,
  ],
])

/** What a URL that somebody else named may lead to. */
export interface DialRules {
  /**
   * Whether it may lead into private networks or to this machine: on development networks, or where the
   * operator named it.
   */
  allowsInternal: boolean
  /** Addresses that are not to be reached all the same; asked where internal ones aren't allowed. */
  refuses?: (address: string) => boolean
  /** Ports of the protocol that will be spoken, which web servers don't have. */
  ownPorts?: readonly number[]
  /** Milliseconds for the name and the connection together. */
  timeoutMs?: number
  /** Asks for a name's addresses: the system's resolver, if not given. */
  resolve?: (host: string) => Promise<Address[]>
}

interface Address {
  address: string
  family: number
}

/** Where a connection may go: addresses that were checked, all of one name. */
interface Destination {
  host: string
  port: number
  addresses: Address[]
}

/**
 * Opens a connection for a URL that somebody else named. Its name is resolved once, every address is
 * checked, and one of those very addresses is connected to, so that a name can't mean something else a
 * moment later. `https:` gives a TLS connection whose certificate is for the name; give `secure` to judge
 * the other side in another way.
 *
 * Throws `forbidden-address` where it leads into a private network, to a port of other protocols or is no
 * web address, and `unreachable` where nobody answers.
 */
export async function dialChecked(
  url: URL,
  rules: DialRules,
  secure: (socket: Socket, host: string) => Promise<Socket> = overTls,
): Promise<Socket> {
  const signal = AbortSignal.timeout(rules.timeoutMs ?? CONNECT_MS)
  const destination = await within(findDestination(url, rules), signal, url)
  const socket = await within(connectTo(destination), signal, url)
  if (url.protocol === 'http:') return socket
  try {
    return await within(secure(socket, destination.host), signal, url)
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function findDestination(
  url: URL,
  { allowsInternal, refuses = () => false, ownPorts = [], resolve = systemAddresses }: DialRules,
): Promise<Destination> {
  const refuse = (why: string) =>
    new CloisterError('forbidden-address', `${url.host.slice(0, 200)} is not asked: ${why}.`)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refuse('only http and https are spoken')
  if (url.username !== '' || url.password !== '') throw refuse('its address has a name or password in it')
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  if (BAD_PORTS.has(port) && !ownPorts.includes(port)) throw refuse(`port ${port} is of another protocol`)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const found =
    isIP(host) === 0
      ? await resolve(host).catch((cause) => {
          throw new CloisterError(
            'unreachable',
            `The name ${host.slice(0, 200)} is unknown to the name servers here.`,
            { cause },
          )
        })
      : [{ address: host, family: isIP(host) }]
  const addresses = found.filter(
    ({ address }) => allowsInternal || !(isInternalAddress(address) || refuses(address)),
  )
  if (addresses.length === 0) throw refuse('it is an internal address')
  return { host, port, addresses }
}

function systemAddresses(host: string): Promise<Address[]> {
  return lookup(host, { all: true })
}

function connectTo({ host, port, addresses }: Destination): Promise<Socket> {
  return new Promise((done, reject) => {
    // Asked for a name, Node tries the addresses it is given one after the other (RFC 8305); it is given
    // those that were checked.
    const checked: LookupFunction = (_, options, callback) => {
      const [first] = addresses
      if (options.all || !first) callback(null, addresses)
      else callback(null, first.address, first.family)
    }
    const socket = connectTcp({ host, port, lookup: checked, noDelay: true })
    socket.once('error', (cause) => reject(unreachable(host, cause)))
    socket.once('connect', () => done(socket))
  })
}

function overTls(socket: Socket, host: string): Promise<Socket> {
  return tlsOver(socket, host, { ALPNProtocols: ['http/1.1'] })
}

/**
 * TLS over a connection, to whoever has a certificate for `host` that is trusted, here or by `options.ca`.
 * Throws `unreachable`.
 */
export function tlsOver(
  socket: Socket,
  host: string,
  options: Pick<ConnectionOptions, 'ca' | 'ALPNProtocols'>,
): Promise<Socket> {
  return new Promise((done, reject) => {
    const secured = connectTls({
      socket,
      host,
      ...(isIP(host) === 0 && { servername: host }),
      ...options,
    })
    secured.once('error', (cause) => reject(unreachable(host, cause)))
    secured.once('secureConnect', () => done(secured))
  })
}

function unreachable(host: string, cause: unknown): CloisterError {
  return new CloisterError('unreachable', `${host.slice(0, 200)} does not answer.`, { cause })
}

/** `work`, if it is done before the signal; a socket that comes too late is closed. */
function within<T>(work: Promise<T>, signal: AbortSignal, url: URL): Promise<T> {
  return new Promise((done, reject) => {
    const late = () => {
      reject(unreachable(url.hostname, new Error('no connection in time')))
      work.then(
        (result) => (result as Partial<Socket> | undefined)?.destroy?.(),
        () => {},
      )
    }
    if (signal.aborted) return late()
    signal.addEventListener('abort', late, { once: true })
    work.then(done, reject).finally(() => signal.removeEventListener('abort', late))
  })
}
