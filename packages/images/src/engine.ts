import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import type { ImageCache } from './cache.ts'
import type { HeldImage } from './held.ts'
import { runProgram } from './program.ts'
import { readImage } from './read.ts'

/** Programs with images of their own, in the order in which they are asked. */
const ENGINES = ['docker', 'podman'] as const
type EngineName = (typeof ENGINES)[number]

/**
 * The image that Docker or Podman on this machine has under a name. Throws `no-engine` where neither is here,
 * `bad-image` where neither has it.
 */
export async function engineImage(name: string, cache: ImageCache): Promise<HeldImage> {
  let asked = 0
  for (const engine of ENGINES) {
    const found = await runProgram([engine, 'image', 'inspect', '--format', '{{.Id}}', '--', name]).catch(
      () => undefined,
    )
    if (found) asked++
    if (found?.code === 0) return exportImage(engine, found.out.trim(), cache)
  }
  throw asked === 0
    ? new CloisterError('no-engine', `Neither docker nor podman is here, to ask for the image ${name}.`)
    : new CloisterError('bad-image', `No engine on this machine has an image ${name}.`, {
        hint: 'Build or pull it first, or drop pull_policy: never.',
      })
}

/** What an engine has under an id, as an archive in the cache. */
async function exportImage(engine: EngineName, id: string, cache: ImageCache): Promise<HeldImage> {
  const key = createHash('sha256')
    .update(JSON.stringify([engine, id]))
    .digest('hex')
  return (
    (await cache.find(key)) ??
    cache.work(async (work) => {
      const archive = join(work, 'image.tar')
      // Podman's archive for Docker keeps health checks, which OCI's has no room for.
      const format = engine === 'podman' ? ['--format', 'docker-archive'] : []
      await saveImage([engine, 'save', ...format, '--output', archive, id])
      return cache.keep(key, archive, await readImage(archive))
    })
  )
}

/** Runs what writes an archive. Throws `engine-failed`. */
export async function saveImage(command: readonly string[]): Promise<void> {
  const { code, last } = await runProgram(command)
  if (code === 0) return
  throw new CloisterError(
    'engine-failed',
    `${command[0]} can't save the image: ${last.at(-1) ?? `it ended with ${code}`}`,
    {
      details: { last },
    },
  )
}
