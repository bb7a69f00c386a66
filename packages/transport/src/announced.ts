import { BlockList, isIP, type Socket } from 'node:net'
import { CloisterError } from '@cloister/core'
import { plainAddress } from './address.ts'
import { readProxyHeader } from './proxy-protocol.ts'

/** Milliseconds that a load balancer has to say whose connection it is. */
const HEADER_MS = 5_000
/** Pieces that a header may come in. */
const MOST_PIECES = 64

/**
 * Who may say whose connection one is, by the PROXY protocol: addresses (`192.0.2.7`, `2001:db8::7`) and
 * networks (`192.0.2.0/24`). Throws `bad-option`.
 */
export class Announcers {
  private readonly trusted = new BlockList()

  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = '', bits] = network.split('/')
      const version = isIP(address)
      const most = version === 4 ? 32 : 128
      if (version === 0 || (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= most)))
        throw new CloisterError('bad-option', `${network.slice(0, 60)} is no address or network.`, {
          hint: 'Write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32.',
        })
      this.trusted.addSubnet(
        address,
        bits === undefined ? most : Number(bits),
        version === 4 ? 'ipv4' : 'ipv6',
      )
    }
  }

  /**
   * Reads the header of a connection from an address that is trusted, has the connection say the client's
   * address from then on, and calls `next`. From such an address nothing is taken without a header; from
   * others a header is never read.
   */
  read(socket: Socket, next: () => void): void {
    if (!this.trusts(socket.remoteAddress)) return next()
    let held: Buffer = Buffer.alloc(0)
    let pieces = 0
    const fail = () => socket.destroy()
    const timer = setTimeout(fail, HEADER_MS)
    const done = () => {
      clearTimeout(timer)
      socket.off('readable', read).off('error', fail).off('end', fail).off('close', done)
    }
    const read = () => {
      const piece = socket.read() as Buffer | null
      if (!piece) return
      held = held.length === 0 ? piece : Buffer.concat([held, piece])
      const found = readProxyHeader(held)
      if (found.state === 'more' && ++pieces < MOST_PIECES) return
      done()
      if (found.state !== 'read') return fail()
      const rest = held.subarray(found.bytes)
      if (rest.length > 0) socket.unshift(rest)
      const { client } = found.header
      if (client) comesFrom(socket, client.address, client.port)
      next()
    }
    socket.on('readable', read).on('error', fail).on('end', fail).on('close', done)
  }

  /** Whether an address may say so. */
  trusts(address: string | undefined): boolean {
    const plain = plainAddress(address ?? '')
    const version = isIP(plain)
    return version !== 0 && this.trusted.check(plain, version === 4 ? 'ipv4' : 'ipv6')
  }
}

/** Has a connection say from now on that it comes from an address. */
export function comesFrom(connection: object, address: string, port: number): void {
  Object.defineProperties(connection, {
    remoteAddress: { value: address, configurable: true },
    remotePort: { value: port, configurable: true },
  })
}
