import { CloisterError } from '../errors/error.ts'
import { checkManifest } from './canonical.ts'
import { parseCompose } from './compose.ts'
import { DOMAINS_ATTRIBUTE, domainsOf } from './domains.ts'
import { Field } from './field.ts'
import type { Manifest } from './manifest.ts'
import type { ParseOptions, Wish } from './parse-options.ts'
import type { RegistryLogin } from './registry-login.ts'
import { Plain } from './scalar.ts'
import { parseSdl } from './sdl.ts'
import { ManifestError, type ManifestWarning, Source } from './source.ts'

/** A manifest and what was ignored on the way to it. */
export interface ParsedManifest {
  manifest: Manifest
  /** Which language the file was written in. */
  format: 'compose' | 'sdl' | 'manifest'
  warnings: ManifestWarning[]
  /** What a Compose file calls itself, where a lease can be called that. Not a part of the manifest. */
  name: string | undefined
  /** SDL placement groups in the file; each is a lease of its own. */
  groups: string[]
  /**
   * Logins at registries that the file states (SDL, `credentials`). They go to the worker beside the
   * manifest.
   */
  logins: RegistryLogin[]
  /**
   * What has to be built, packed or read before there is a manifest: until they are granted, `manifest` has
   * stand-ins. Empty where all is known.
   */
  wishes: Wish[]
  /** Contents of files that a Compose file asks to have sealed, by the name of their secret. */
  sealedFiles: Record<string, Uint8Array>
  /**
   * On so many workers a Compose file wants to run, as a lease on each (`x-spread`); undefined for one lease.
   * Not a part of the manifest, which is that of each.
   */
  spread: number | undefined
}

/**
 * Turns a Compose file, an SDL file or a canonical manifest into a canonical manifest.
 * Throws a ManifestError (with file, line and field) or `bad-manifest`, and nothing else.
 *
 * @example
 * ```ts
 * import { hashManifest, parseManifest } from '@cloister/core'
 *
 * const { manifest } = parseManifest(text, { file: 'compose.yaml', env: {} })
 * console.log(hashManifest(manifest))
 * ```
 */
export function parseManifest(text: string, options: ParseOptions): ParsedManifest {
  const source = new Source(options.file, text)
  const root = Field.of(source)
  if (!root.isMap) root.fail('a Compose file, an SDL file or a canonical manifest')
  const isManifest = isOne(root.get('version')) && root.get('services')?.isMap && root.get('volumes')?.isMap
  const isSdl = root.get('deployment') !== undefined || (root.get('profiles')?.isMap ?? false)
  if (isManifest || isSdl) checkAlone(root, options)
  if (isManifest)
    return {
      manifest: checkManifest(plain(root.value)),
      format: 'manifest',
      warnings: [],
      name: undefined,
      groups: [],
      logins: [],
      wishes: [],
      sealedFiles: {},
      spread: undefined,
    }
  const { manifest, name, groups, logins, wishes, sealedFiles, spread } = isSdl
    ? { ...parseSdl(root, options), name: undefined, sealedFiles: {}, spread: undefined }
    : { ...parseCompose(root, options), groups: [], logins: [] }
  if (domainsOf(manifest).length > 0) manifest.attributes[DOMAINS_ATTRIBUTE.name] ??= DOMAINS_ATTRIBUTE.value
  try {
    return {
      manifest: checkManifest(manifest),
      format: isSdl ? 'sdl' : 'compose',
      warnings: source.warnings,
      name,
      groups,
      logins,
      wishes,
      sealedFiles,
      spread,
    }
  } catch (error) {
    if (!(error instanceof CloisterError)) throw error
    throw new ManifestError(
      'bad-field',
      { file: options.file, line: 1, field: '' },
      error.message.replace(/\.$/, ''),
      'Change the field it names.',
      error,
    )
  }
}

/** Refuses what only Compose files have: tags for what is under them, and files that are put over them. */
function checkAlone(root: Field, { over = [] }: ParseOptions): void {
  root.source.refuseTags()
  const [other] = over
  if (other)
    root.refuse(
      `${other.file} can't be put over it`,
      'Only Compose files are put over each other; write one file.',
    )
}

function plain(value: unknown): unknown {
  if (value instanceof Map) {
    // defineProperty, so that a key such as __proto__ stays an ordinary key and is refused by the schema.
    const object = {}
    for (const [key, item] of value)
      Object.defineProperty(object, String(key), {
        value: plain(item),
        enumerable: true,
        configurable: true,
        writable: true,
      })
    return object
  }
  if (value instanceof Plain)
    return value.kind === 'boolean' ? value.printed === 'true' : Number(value.printed)
  return Array.isArray(value) ? value.map(plain) : value
}

function isOne(version: Field | undefined): boolean {
  return version?.value instanceof Plain && version.value.source === '1'
}
