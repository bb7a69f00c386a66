import { CloisterError } from '@cloister/core'
import { type LegacyKey, openKeystore, openPhrase } from '@cloister/migration/keys'
import { askSecret } from '../../ask.ts'
import { readInput } from './input.ts'

export interface KeyOptions {
  keystore?: string
  phrase?: boolean
  scheme?: string
}

const SCHEMES = ['sr25519', 'ed25519', 'ecdsa'] as const

/** The legacy account's key, where one was named. It stays in memory, and signs nothing but the text. */
export async function openKey({ keystore, phrase, scheme }: KeyOptions): Promise<LegacyKey | undefined> {
  const known = SCHEMES.find((one) => one === (scheme ?? 'sr25519'))
  if (!known || (scheme !== undefined && !phrase))
    throw new CloisterError('bad-option', `--scheme is one of ${SCHEMES.join(', ')}, and goes with --phrase.`)
  if (keystore !== undefined) {
    const text = readInput(keystore)
    return openKeystore(text, await askSecret('Password of the keystore', 'CLOISTER_LEGACY_PASSWORD'))
  }
  if (!phrase) return undefined
  return openPhrase(await askSecret('Seed phrase of the legacy account', 'CLOISTER_LEGACY_PHRASE'), known)
}
