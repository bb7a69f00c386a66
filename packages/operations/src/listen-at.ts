import { CloisterError } from '@cloister/core'

const LOOPBACK = '127.0.0.1'

/**
 * Reads where an operator's interface is to listen: `9400`, `0.0.0.0:9400` or `[::1]:9400`; a port alone is
 * one of this machine's loopback. 0 is any free port. Throws `bad-option`.
 */
export function parseListenAt(text: string): { host: string; port: number } {
  const [, bracketed, plain, digits = ''] = /^(?:(?:\[([^\]]*)\]|([^:]*)):)?(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain ?? LOOPBACK
  if (digits === '' || Number(digits) > 65_535 || host === '')
    throw new CloisterError('bad-option', `${text} is no place to listen at.`, {
      hint: 'Name a port, or host:port: 9400, 0.0.0.0:9400 or [::1]:9400.',
    })
  return { host, port: Number(digits) }
}
