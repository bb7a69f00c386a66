import { CloisterError } from '../errors/error.ts'

/** An image reference taken apart. Distribution specification; Docker's rule for the default registry. */
export interface ImageReference {
  /** `registry-1.docker.io` for Docker Hub. */
  host: string
  repository: string
  tag: string | undefined
  digest: string | undefined
}

const HUB = 'registry-1.docker.io'
const REPOSITORY = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/

/** Takes `nginx`, `ghcr.io/me/app:1`, `me/app@sha256:…` apart. Throws `bad-image`. */
export function parseImageReference(text: string): ImageReference {
  const [name = '', digest, ...more] = text.split('@')
  const bad = () =>
    new CloisterError(
      'bad-image',
      `${JSON.stringify(text.slice(0, 120))} is not an image reference such as ghcr.io/me/app:1.`,
    )
  if (more.length > 0 || (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest))) throw bad()
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const hasHost = first.includes('.') || first.includes(':') || first === 'localhost'
  const rest = hasHost ? name.slice(slash + 1) : name
  const colon = rest.lastIndexOf(':')
  const tag = colon > rest.lastIndexOf('/') ? rest.slice(colon + 1) : undefined
  const path = tag === undefined ? rest : rest.slice(0, colon)
  if (!REPOSITORY.test(path) || path.length > 255 || (tag !== undefined && !/^\w[\w.-]{0,127}$/.test(tag)))
    throw bad()
  if (
    hasHost &&
    !/^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:\d{1,5})?$|^\[[0-9a-f:]+\](:\d{1,5})?$/.test(first)
  )
    throw bad()
  const onHub = !hasHost || first === 'docker.io' || first === 'index.docker.io'
  return {
    host: onHub ? HUB : first,
    repository: onHub && !path.includes('/') ? `library/${path}` : path,
    tag: tag ?? (digest === undefined ? 'latest' : undefined),
    digest,
  }
}

/**
 * The host that a login is for, as `ImageReference.host` names it: Docker's own keeps Docker Hub's under
 * `https://index.docker.io/v1/`.
 */
export function registryHostOf(server: string): string {
  const bare = server.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  return ['docker.io', 'index.docker.io'].includes(bare) ? HUB : bare
}
