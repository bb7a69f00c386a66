import { CloisterError } from '@cloister/core'

/**
 * The URL of a path at a worker. Throws `forbidden-address` for an endpoint that is none, and `bad-request`
 * for a path that leads elsewhere.
 */
export function urlAt(endpoint: string, path: string): string {
  const url = endpoint + path
  if (!URL.canParse(endpoint) || !URL.canParse(url))
    throw new CloisterError('forbidden-address', 'The worker has no address that can be asked.')
  if (!path.startsWith('/') || new URL(url).origin !== new URL(endpoint).origin)
    throw new CloisterError('bad-request', 'The path leads away from the worker.')
  return url
}
