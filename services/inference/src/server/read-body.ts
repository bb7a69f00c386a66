import type { IncomingMessage } from 'node:http'
import { CloisterError } from '@cloister/core'
import type { Share } from './room.ts'

/** Bytes of a body that need no room: almost all have less. */
const SMALL_BYTES = 64 * 1024

/**
 * All of a body. Throws `too-large`, `too-busy` where `share` has no room for it now, `bad-request` for one
 * that is compressed or breaks off.
 */
export function readBody(
  source: IncomingMessage,
  most: number,
  share?: Pick<Share, 'take'>,
): Promise<Buffer> {
  const tooLarge = () => new CloisterError('too-large', `A body has at most ${most} bytes.`)
  if ((source.headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new CloisterError('bad-request', 'Bodies are read as they are, without any encoding.')
  if (Number(source.headers['content-length'] ?? 0) > most) throw tooLarge()
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    source.on('data', (chunk: Buffer) => {
      length += chunk.length
      const refuse = (why: CloisterError) => {
        source.pause()
        reject(why)
      }
      if (length > most) refuse(tooLarge())
      else if (share && length > SMALL_BYTES && !share.take(chunk.length))
        refuse(new CloisterError('too-busy', 'There is no room for a request of this size now.'))
      else chunks.push(chunk)
    })
    source.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
    const broke = () => reject(new CloisterError('bad-request', 'The body broke off.'))
    source.once('error', broke)
    // It closes after its end as well; an error takes longer to make than all else here.
    source.once('close', () => {
      if (!source.readableEnded) broke()
    })
  })
}
