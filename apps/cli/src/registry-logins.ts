import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import {
  CloisterError,
  type ParsedManifest,
  parseImageReference,
  type RegistryLogin,
  registryHostOf,
} from '@cloister/core'
import * as z from 'zod'
import type { LoginOptions } from './options.ts'

/** What of Docker's configuration holds logins (docker/cli, `cli/config/configfile`, `types.AuthConfig`). */
const DockerConfig = z.object({
  auths: z
    .record(z.string(), z.object({ auth: z.string().optional(), identitytoken: z.string().optional() }))
    .optional(),
  credsStore: z.string().optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
})

/**
 * Logins for the registries that a manifest's images come from: those that the file states, and with the
 * option those of Docker's configuration (`$DOCKER_CONFIG` or ~/.docker). Those of Docker's come only where
 * the option asks for them, since the worker gets to see them. Undefined where there are none to hand over.
 * Throws `no-login` where there is none in the configuration, or it is not in the file.
 */
export function loginsFor(
  { manifest, logins: stated }: Pick<ParsedManifest, 'manifest' | 'logins'>,
  { registryLogin }: LoginOptions,
  env: NodeJS.ProcessEnv = process.env,
): RegistryLogin[] | undefined {
  if (!registryLogin) return stated.length > 0 ? stated : undefined
  const path = join(env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json')
  const config = readConfig(path)
  const hosts = [
    ...new Set(Object.values(manifest.services).map(({ image }) => parseImageReference(image).host)),
  ]
  const missing = hosts.filter((host) => !stated.some((login) => login.host === host))
  const logins = missing.flatMap((host) => loginOf(config, host, path) ?? [])
  if (logins.length === 0 && missing.length > 0)
    throw new CloisterError('no-login', `${path} has no login for ${missing.join(' or ')}.`, {
      hint: `Type: docker login ${missing[0] ?? ''}`,
    })
  return [...stated, ...logins]
}

function loginOf(
  config: z.infer<typeof DockerConfig>,
  host: string,
  path: string,
): RegistryLogin | undefined {
  const isHost = (server: string) => registryHostOf(server) === host
  const helper = Object.entries(config.credHelpers ?? {}).find(([server]) => isHost(server))?.[1]
  const [, entry] = Object.entries(config.auths ?? {}).find(([server]) => isHost(server)) ?? []
  if (helper === undefined && !entry) return undefined
  const text = Buffer.from(entry?.auth ?? '', 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (helper === undefined && colon > 0 && entry?.identitytoken === undefined)
    return { host, username: text.slice(0, colon), password: text.slice(colon + 1) }
  const where = helper ?? config.credsStore
  throw new CloisterError(
    'no-login',
    `The login for ${host} is ${where === undefined ? 'a token of its own kind' : `with the helper ${where}`}, not in ${path}.`,
    {
      hint: `Keep one in a file, and try again: export DOCKER_CONFIG=$(mktemp -d); docker login ${host}`,
    },
  )
}

function readConfig(path: string): z.infer<typeof DockerConfig> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new CloisterError('no-login', `There is no ${path}.`, {
      hint: 'Log in with `docker login`.',
      cause,
    })
  }
  try {
    return DockerConfig.parse(JSON.parse(text))
  } catch (cause) {
    throw new CloisterError('no-login', `${path} is no configuration of Docker's.`, { cause })
  }
}
