import { addAbortSignal, PassThrough } from 'node:stream'
import { messageOf, parseImageReference } from '@cloister/core'
import { type ImageSource, inTime, type ResolvedImage, resolveImage, unavailable } from '@cloister/images'
import type Docker from 'dockerode'
import type { Image, PullOptions } from '../executor.ts'
import { findImage, type ImageSettings, PULL_MS } from '../oci/find.ts'
import { describeImage } from '../oci/image.ts'
import { pinnedReference } from '../oci/reference.ts'
import { isInsecure } from '../oci/trust.ts'
import { archiveImage } from './archive.ts'

/**
 * Brings an image into the engine: from a folder of this machine by loading an archive, whose layers may
 * unpack to `mostBytes`, from a registry by the engine's own pull.
 */
export async function pullImage(
  docker: Docker,
  reference: string,
  options: PullOptions,
  settings: ImageSettings,
  mostBytes: number,
): Promise<Image> {
  const { source, wanted, close } = await findImage(reference, options, settings)
  const { host } = parseImageReference(reference)
  try {
    // Asks the registry itself first: it refuses internal addresses, which the engine would not.
    const image = await resolveImage(source, wanted, { signal: options.signal })
    const pinned = pinnedReference(reference, image.digest)
    await inTime(settings.pullMs ?? PULL_MS, 'it takes too long to come', options.signal, async (signal) => {
      // A registry that we trust by plain HTTP is read by us; the engine may not be set up for it.
      if (source.fileOf || isInsecure(host, settings.trustedRegistries))
        await load(docker, source, image, { ...options, signal, mostBytes })
      else if (!(await hasImage(docker, pinned))) await pull(docker, pinned, { ...options, signal })
    })
    return describeImage(reference, image.digest, image.config)
  } finally {
    close()
  }
}

async function pull(
  docker: Docker,
  reference: string,
  { credentials, progress, signal }: PullOptions,
): Promise<void> {
  try {
    const login = credentials && {
      authconfig: {
        username: credentials.username,
        password: credentials.password,
        serveraddress: credentials.host,
      },
    }
    const stream = await docker.pull(reference, { ...login, ...(signal && { abortSignal: signal }) })
    const layers = new Map<string, { current: number; total: number }>()
    const tell = ({
      id,
      status,
      progressDetail,
    }: {
      id?: string
      status?: string
      progressDetail?: { current?: number; total?: number }
    }) => {
      if (id === undefined || status !== 'Downloading' || !progressDetail?.total) return
      layers.set(id, { current: progressDetail.current ?? 0, total: progressDetail.total })
      const sum = (key: 'current' | 'total') =>
        [...layers.values()].reduce((all, layer) => all + layer[key], 0)
      progress?.({ step: 'downloading', bytes: sum('current'), total: sum('total') })
    }
    await new Promise<void>((resolve, reject) =>
      docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()), tell),
    )
  } catch (cause) {
    signal?.throwIfAborted()
    throw unavailable(`the engine says ${messageOf(cause)}`, { cause })
  }
}

async function load(
  docker: Docker,
  source: ImageSource,
  image: ResolvedImage,
  {
    progress,
    signal,
    mostBytes,
  }: { progress?: PullOptions['progress']; signal: AbortSignal; mostBytes: number },
): Promise<void> {
  const tag = localTag(image.digest)
  if (await hasImage(docker, tag)) return
  const body = new PassThrough()
  const total = image.manifest.layers.reduce((sum, { size }) => sum + size, 0)
  const writing = archiveImage(source, image, addAbortSignal(signal, body), {
    tag,
    mostBytes,
    progress: (bytes) => progress?.({ step: 'downloading', bytes, total }),
    signal,
  })
  const [response] = await Promise.all([docker.loadImage(body), writing])
  for await (const chunk of response)
    if (/"error"/.test(String(chunk)))
      throw unavailable(`the engine can't load it: ${String(chunk).slice(0, 200)}`)
}

/** Name under which an image that was loaded from an archive is kept. */
export function localTag(digest: string): string {
  return `cloister.local/image:${digest.slice(7)}`
}

/** Whether the engine has an image of that name. */
export function hasImage(docker: Docker, name: string): Promise<boolean> {
  return docker
    .getImage(name)
    .inspect()
    .then(
      () => true,
      () => false,
    )
}
