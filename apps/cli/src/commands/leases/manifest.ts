import { hashManifest, resourcesOf, toCanonicalJson } from '@cloister/core'
import { note, sayExactly, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { readManifestFile } from '../../manifest-file.ts'
import type { ManifestOptions } from '../../options.ts'
import { resources } from '../../show.ts'

export async function showManifest(
  file: string | undefined,
  options: Globals & ManifestOptions,
): Promise<void> {
  const parsed = await readManifestFile(file, options, options.json === true)
  const { manifest, format, warnings, groups } = parsed
  const manifestHash = hashManifest(manifest)
  if (options.json)
    return sayJson({ manifestHash, manifest, format, warnings, groups, resources: resourcesOf(manifest) })
  sayExactly(toCanonicalJson(manifest))
  note(`\nSHA-256 ${manifestHash}`)
  note(`from ${format} · ${resources(resourcesOf(manifest))}`)
}
