import { verify } from '@cloister/sdk'
import { paint, say, sayExactly, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { readManifestFile } from '../../manifest-file.ts'
import type { ManifestOptions } from '../../options.ts'
import { writeOutput } from '../../output-file.ts'
import { instant } from '../../show.ts'

export async function runEvidence(
  subject: string,
  options: Globals & ManifestOptions & { output?: string; manifest?: string },
): Promise<void> {
  const manifest =
    options.manifest === undefined
      ? undefined
      : (await readManifestFile(options.manifest, options, options.json === true)).manifest
  const bundle = await verify.evidence(connect(options), subject, manifest)
  const text = `${JSON.stringify(bundle, null, 2)}\n`
  if (options.output === undefined) return sayExactly(text.trimEnd())
  writeOutput(options.output, text)
  if (options.json) return sayJson({ written: options.output, bytes: text.length })
  say(
    `Wrote ${options.output} (${Math.round(text.length / 1024)} KiB), recorded at ${instant(bundle.recordedAt)}.`,
  )
  say(paint('dim', `  Check it, with or without a network: cloister verify --offline ${options.output}`))
}
