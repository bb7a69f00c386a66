import { hashManifest, resourcesOf, toCanonicalJson } from '@cloister/core'
import { note, sayExactly, sayJson } from '@cloister/terminal'
import type { Command } from 'commander'
import { command, type Globals } from '../context.ts'
import { type ManifestOptions, readManifestFile, withManifestOptions } from '../manifest-file.ts'
import { resources } from '../show.ts'

export function addManifest(program: Command): void {
  withManifestOptions(
    command(
      program,
      'manifest <file>',
      'print the canonical form of a Compose or SDL file, and its hash',
      'cloister manifest compose.yaml',
    ),
  ).action((file: string, options: Globals & ManifestOptions) => {
    const parsed = readManifestFile(file, options, options.json === true)
    const { manifest, format, warnings, groups } = parsed
    if (options.json)
      return sayJson({
        manifestHash: hashManifest(manifest),
        manifest,
        format,
        warnings,
        groups,
        resources: resourcesOf(manifest),
      })
    sayExactly(toCanonicalJson(manifest))
    note(`\nSHA-256 ${hashManifest(manifest)}`)
    note(`from ${format} · ${resources(resourcesOf(manifest))}`)
  })
}
