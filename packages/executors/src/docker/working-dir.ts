import { request } from 'node:http'
import { posix } from 'node:path'
import { CloisterError } from '@cloister/core'

/** Links followed on the way, as in Linux (path_resolution(7)). */
const MAX_LINKS = 40
/** A link, in the modes that engines tell (Go's `os.ModeSymlink`). */
const LINK_BIT = 0x8000000
const PATIENCE_MS = 30_000

/**
 * The path of a folder in a container that doesn't run, without the links that lead to it. Podman, left to
 * itself, makes a missing working directory by a path that it follows on the host: through links of an
 * image's it makes folders anywhere there (measured with 4.3.1). Where no link is on the way it makes them
 * where they belong. Throws `start-failed`.
 */
export async function withoutLinks(socketPath: string, container: string, folder: string): Promise<string> {
  let path = posix.normalize(folder)
  for (let links = 0; links <= MAX_LINKS; links++) {
    const steps = path.split('/').filter(Boolean)
    let target: string | undefined
    for (let count = 1; count <= steps.length && target === undefined; count++) {
      const link = await linkAt(socketPath, container, `/${steps.slice(0, count).join('/')}`)
      if (link !== undefined) target = posix.join('/', link, ...steps.slice(count))
    }
    if (target === undefined) return path
    path = target
  }
  throw new CloisterError('start-failed', `The working directory ${folder} leads through too many links.`)
}

/** Where a link leads to, inside the container; undefined where there is something else, or nothing. */
async function linkAt(socketPath: string, container: string, path: string): Promise<string | undefined> {
  const told = await new Promise<string | undefined>((resolve, reject) => {
    const query = `/containers/${encodeURIComponent(container)}/archive?path=${encodeURIComponent(path)}`
    // Of a link to nothing the engine says what it is, and 404; the client library tells the latter only.
    request({
      socketPath,
      method: 'HEAD',
      path: query,
      headers: { host: 'engine' },
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
      .once('error', reject)
      .once('response', (answer) => {
        answer.resume()
        const stat = answer.headers['x-docker-container-path-stat']
        if (answer.statusCode === 200 || answer.statusCode === 404)
          resolve(typeof stat === 'string' ? stat : undefined)
        else
          reject(
            new CloisterError(
              'engine-failed',
              `The container engine answers ${answer.statusCode} when asked for ${path}.`,
            ),
          )
      })
      .end()
  })
  if (told === undefined) return undefined
  const { mode, linkTarget } = JSON.parse(Buffer.from(told, 'base64').toString('utf8')) as {
    mode: number
    linkTarget: string
  }
  return (mode & LINK_BIT) === 0 ? undefined : linkTarget
}
