import type { Image } from '../executor.ts'
import type { ImageConfig } from './source.ts'

/** An image as executors use it, from its OCI configuration. */
export function describeImage(reference: string, digest: string, { config }: ImageConfig): Image {
  const env: Record<string, string> = {}
  for (const entry of config?.Env ?? []) {
    const equals = entry.indexOf('=')
    if (equals > 0 && entry.slice(0, equals) !== '__proto__') env[entry.slice(0, equals)] = entry.slice(equals + 1)
  }
  return {
    reference,
    digest,
    entrypoint: config?.Entrypoint ?? [],
    command: config?.Cmd ?? [],
    env,
    workingDir: config?.WorkingDir || '/',
    user: config?.User ?? '',
  }
}
