import { formatMiB, sentParts, type Wish } from '@cloister/core'
import { note, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { readManifestFile } from '../../manifest-file.ts'
import type { ManifestOptions } from '../../options.ts'
import type { BuildEvent, Fulfilled } from '../../wishes/options.ts'

const MIB = 1024 * 1024

/** Builds, packs and reads what a file wishes for, as `deploy` does first; nothing is sent. */
export async function runBuild(file: string | undefined, options: Globals & ManifestOptions): Promise<void> {
  const json = options.json === true
  const rows: { name: string; digest: string; bytes: number; how: string; seconds: number }[] = []
  const onGranted = (wish: Wish, { granted, contents, how }: Fulfilled, seconds: number) =>
    rows.push({
      name: 'service' in wish ? wish.service : wish.path,
      digest: 'image' in granted ? granted.image : granted.digest,
      bytes: contents.reduce((sum, { bytes }) => sum + bytes, 0),
      how: how ?? wish.kind,
      seconds: Math.round(seconds * 100) / 100,
    })
  // Beside the answer, which comes last: a line of JSON for each event.
  const onBuild = json ? (event: BuildEvent) => note(JSON.stringify(event)) : undefined
  const { manifest } = await readManifestFile(file, options, json, { onGranted, onBuild })
  if (json) return sayJson({ sent: rows, pulled: pulledOf(manifest) })
  if (rows.length === 0) return say('Nothing is built or sent: all images are pulled from registries.')
  say(
    table(
      ['what', 'digest', 'size', 'how'],
      // How long each took stands above, as it was done.
      rows.map(({ name, digest, bytes, how }) => [
        name,
        digest.slice(0, 19),
        formatMiB(Math.ceil(bytes / MIB)),
        how,
      ]),
    ),
  )
}

/** Images that come from registries. */
function pulledOf(manifest: Parameters<typeof sentParts>[0]): string[] {
  const images = Object.values(manifest.services).map(({ image }) => image)
  const sent = sentParts(manifest).images
  return images.filter((image) => !sent.some((digest) => image.endsWith(digest)))
}
