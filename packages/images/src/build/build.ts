import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Build, CloisterError } from '@cloister/core'
import type { ImageCache } from '../cache.ts'
import { saveImage } from '../engine.ts'
import type { HeldImage } from '../held.ts'
import { runProgram } from '../program.ts'
import { readImage } from '../read.ts'
import type { Builder } from './builder.ts'
import { buildCommand, dockerfileOf, pathIn } from './command.ts'
import { contextDigest, sourceDate } from './context.ts'

/** An image that was built, now or before. */
export interface BuiltImage extends HeldImage {
  /** Nothing that it is built of has changed since. */
  isKept: boolean
}

/**
 * Builds an image, or takes the one that came of the same before. Paths of `build` are relative to `folder`.
 * Throws `build-failed` with the last lines that the builder printed, `no-engine`, or what `readImage`
 * throws.
 */
export async function buildImage(
  build: Build,
  folder: string,
  {
    builder,
    cache,
    onLine = () => {},
  }: { builder: Builder; cache: ImageCache; onLine?: (line: string) => void },
): Promise<BuiltImage> {
  const context = pathIn(folder, build.context)
  const isHere = existsSync(context)
  const epoch = isHere ? await sourceDate(context) : 0
  const key = isHere && !build.noCache && !build.pull ? await keyOf(build, folder, builder, epoch) : undefined
  const kept = key && (await cache.find(key))
  if (kept) return { ...kept, isKept: true }
  return cache.work(async (work) => {
    const place = { folder, work, epoch }
    if (build.dockerfileInline !== undefined)
      await writeFile(join(work, 'Dockerfile'), build.dockerfileInline, { mode: 0o600 })
    const [iidfile, archive] = [join(work, 'iid'), join(work, 'image.tar')]
    const command = buildCommand(builder, build, place, { iidfile, archive })
    const env = {
      SOURCE_DATE_EPOCH: String(epoch),
      ...(builder.name === 'docker' && { DOCKER_BUILDKIT: '0' }),
    }
    const { code, last } = await runProgram(command, { env, onLine })
    if (code !== 0)
      throw new CloisterError(
        'build-failed',
        `${builder.name} did not build the image: it ended with ${code}.`,
        {
          details: { builder: builder.name, exitCode: code, last },
        },
      )
    if (!existsSync(archive)) {
      const id = (await readFile(iidfile, 'utf8')).trim()
      await saveImage(saveCommand(builder, id, archive))
    }
    const image = await readImage(archive, undefined, { isBuilt: true })
    const name = key ?? createHash('sha256').update(image.digest).digest('hex')
    return { ...(await cache.keep(name, archive, image)), isKept: false }
  })
}

function saveCommand({ name }: Builder, id: string, archive: string): string[] {
  if (name === 'buildah') return ['buildah', 'push', id, `docker-archive:${archive}`]
  return name === 'podman'
    ? ['podman', 'save', '--format', 'docker-archive', '--output', archive, id]
    : ['docker', 'save', '--output', archive, id]
}

/** All that goes into an image, but for secrets and what its Dockerfile fetches. */
async function keyOf(
  build: Build,
  folder: string,
  { name, version }: Builder,
  epoch: number,
): Promise<string> {
  const hash = createHash('sha256')
  hash.update(JSON.stringify([1, build, name, version, epoch]))
  for (const path of [build.context, ...Object.values(build.additionalContexts)]) {
    const at = pathIn(folder, path)
    if (existsSync(at)) hash.update(await contextDigest(at))
  }
  const dockerfile = dockerfileOf(build, { folder, work: '', epoch })
  if (dockerfile !== undefined && existsSync(dockerfile)) hash.update(await readFile(dockerfile))
  return hash.digest('hex')
}
