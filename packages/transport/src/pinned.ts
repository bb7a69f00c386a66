import { createHash } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { CloisterError } from '@cloister/core'

const CONNECT_MS = 5_000

/**
 * Opens a TLS connection to somebody known by key: the certificate has to be for the key whose
 * SubjectPublicKeyInfo has this SHA-256 (`0x…`), whoever signed it. Nothing is sent before that is known.
 * Rejects where the key is another.
 */
export function connectPinned(
  options: ConnectionOptions & { host: string; port: number },
  keyHash: string,
): Promise<TLSSocket> {
  return open(options, keyHash)
}

/**
 * The same over a connection that is there already, such as one by `dialChecked`, which takes what this
 * returns. `protocols` are offered in the handshake (ALPN), the dearest first.
 */
export function securePinned(
  keyHash: string,
  protocols: string[] = [],
): (socket: Socket, host: string) => Promise<TLSSocket> {
  const offered = protocols.length > 0 && { ALPNProtocols: protocols }
  return (socket, host) => open({ socket, host, ...offered }, keyHash)
}

function open(options: ConnectionOptions & { host: string }, keyHash: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...options,
      ...(isIP(options.host) === 0 && { servername: options.host }),
      minVersion: 'TLSv1.3',
      // Whom the certificate names, and who signed it, proves nothing here; the attested key does. Without a
      // list of its own, Node would read all the authorities that it knows.
      rejectUnauthorized: false,
      ca: [],
      timeout: CONNECT_MS,
    })
    socket.once('error', reject)
    socket.once('timeout', () => socket.destroy(new Error('the worker does not answer')))
    socket.once('secureConnect', () => {
      if (keyHashOf(socket) !== keyHash)
        return socket.destroy(
          new CloisterError(
            'not-attested',
            `Whoever is at ${options.host} is not the worker: its TLS key is not the attested one.`,
          ),
        )
      socket.setTimeout(0)
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

/** SHA-256 of the SubjectPublicKeyInfo of the key that the other side proved to hold. */
function keyHashOf(socket: TLSSocket): string | undefined {
  const spki = socket.getPeerX509Certificate()?.publicKey.export({ format: 'der', type: 'spki' })
  return spki && `0x${createHash('sha256').update(spki).digest('hex')}`
}
