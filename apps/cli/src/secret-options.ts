import { readFileSync, statSync } from 'node:fs'
import { appIdOf } from '@cloister/chain'
import { CloisterError, parseDotenv } from '@cloister/core'
import { apps, type Cloister, walletOf } from '@cloister/sdk'
import { type Envelope, MAX_SECRET_BYTES, readEnvelope, type Secrets } from '@cloister/secrets'
import type { Hex } from 'viem'
import type { SecretOptions } from './options.ts'

/** Whether the options name any secrets. */
export function takesSecrets({ secrets, secretFile, sealed }: SecretOptions): boolean {
  return secrets !== undefined || secretFile !== undefined || sealed !== undefined
}

/**
 * Seals what the options name, and the files that the manifest's file asks to have sealed, to the app that
 * the options name; undefined where there is nothing. An envelope that was sealed before is taken as it is.
 */
export async function sealedFrom(
  cloister: Cloister,
  options: SecretOptions,
  files: Secrets = {},
): Promise<Envelope | undefined> {
  if (options.sealed !== undefined) {
    if (options.secrets !== undefined || options.secretFile !== undefined)
      throw new CloisterError('bad-option', 'Say --sealed, or --secrets and --secret-file, not both.')
    return envelopeIn(options.sealed)
  }
  const secrets = { ...files, ...readSecrets(options) }
  if (Object.keys(secrets).length === 0 && !takesSecrets(options)) return undefined
  if (options.app === undefined)
    throw new CloisterError('bad-option', 'Secrets are sealed to an app, and none is named.', {
      hint: 'Name one with --app; register one with `cloister apps create`.',
    })
  return apps.seal(cloister, resolveApp(cloister, options.app), secrets)
}

/** The sealed secrets in a file. Throws `no-file` and `bad-secrets`. */
export function envelopeIn(path: string): Envelope {
  return readEnvelope(readJson(path))
}

/**
 * An app by its id, or by the name that this account registered it under. Throws `bad-name` or `no-wallet`.
 */
export function resolveApp(cloister: Cloister, app: string): Hex {
  if (/^0x[0-9a-f]{64}$/.test(app)) return app as Hex
  return appIdOf(cloister.network, walletOf(cloister).account.address, app)
}

function readSecrets({ secrets, secretFile }: SecretOptions): Secrets | undefined {
  if (secrets === undefined && secretFile === undefined) return undefined
  const found = new Map<string, Uint8Array>()
  if (secrets !== undefined)
    for (const [name, value] of Object.entries(
      parseDotenv(secrets, readBounded(secrets).toString('utf8'), lookUp, refuseUnset(secrets)),
    ))
      found.set(name, Buffer.from(value))
  for (const word of secretFile ?? []) {
    const equals = word.indexOf('=')
    if (equals < 1)
      throw new CloisterError(
        'bad-option',
        `--secret-file takes name=path, not ${JSON.stringify(word.slice(0, 60))}.`,
      )
    found.set(word.slice(0, equals), readBounded(word.slice(equals + 1)))
  }
  return Object.fromEntries(found)
}

function lookUp(name: string): string | undefined {
  return Object.hasOwn(process.env, name) ? process.env[name] : undefined
}

/** A secret with a dollar sign in it must not lose what follows. */
function refuseUnset(file: string): (name: string, line: number) => never {
  return (name, line) => {
    throw new CloisterError('bad-secrets', `${file}:${line}: the variable ${name} is not set.`, {
      hint: "Write $$ for a dollar sign, or put the value into single quotes: NAME='a$b'.",
    })
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readBounded(path, 2 * 1024 * 1024).toString('utf8'))
  } catch (error) {
    if (error instanceof CloisterError) throw error
    throw new CloisterError('bad-secrets', `${path} holds no sealed secrets.`, {
      hint: 'Write one with `cloister secrets seal`.',
      cause: error,
    })
  }
}

function readBounded(path: string, limit = MAX_SECRET_BYTES): Buffer {
  try {
    if (statSync(path).size > limit)
      throw new CloisterError('bad-secrets', `${path} is larger than ${limit} bytes.`)
    return readFileSync(path)
  } catch (error) {
    if (error instanceof CloisterError) throw error
    throw new CloisterError(
      'no-file',
      `${path} can not be read (${(error as NodeJS.ErrnoException).code}).`,
      { cause: error },
    )
  }
}
