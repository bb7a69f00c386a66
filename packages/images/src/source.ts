import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { CloisterError, type Hint } from '@cloister/core'
import * as z from 'zod'
import { withinTime } from './in-time.ts'

const Descriptor = z.object({
  mediaType: z.string().max(255).optional(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z
    .int()
    .min(0)
    .max(2 ** 40),
  platform: z.object({ os: z.string(), architecture: z.string() }).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
})

const Index = z.object({ manifests: z.array(Descriptor).max(1000) })
const ImageManifest = z.object({ config: Descriptor, layers: z.array(Descriptor).max(512) })
const Nanoseconds = z.number().min(0).nullish()
const ImageConfig = z.object({
  os: z.string().optional(),
  architecture: z.string().optional(),
  config: z
    .object({
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      Env: z.array(z.string()).nullish(),
      WorkingDir: z.string().nullish(),
      User: z.string().nullish(),
      StopSignal: z.string().max(32).nullish(),
      ExposedPorts: z.record(z.string().max(32), z.unknown()).nullish(),
      Volumes: z.record(z.string().max(4096), z.unknown()).nullish(),
      // Docker's extension (Docker image specification 1.2, "Container RunConfig Field Descriptions").
      Healthcheck: z
        .object({
          Test: z.array(z.string()).nullish(),
          Interval: Nanoseconds,
          Timeout: Nanoseconds,
          StartPeriod: Nanoseconds,
          Retries: z.int().min(0).nullish(),
        })
        .nullish(),
    })
    .nullish(),
})

export type Descriptor = z.infer<typeof Descriptor>
type ImageManifest = z.infer<typeof ImageManifest>
export type ImageConfig = z.infer<typeof ImageConfig>

/** This machine, in the words of OCI images (Go's GOARCH). */
const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch

/** Bytes of a manifest, index or image configuration. */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
/** Bytes of one layer. */
export const MAX_LAYER_BYTES = 64 * 1024 ** 3
/** How long one document of an image may take, logging in included, however it drips. */
const DOCUMENT_MS = 60_000
const TOO_SLOW = 'its registry is too slow with what describes it'

/** Where images come from: a registry or a layout folder. Content is checked by whoever reads it. */
export interface ImageSource {
  /** The document a tag or digest names, with its own digest. */
  document(reference: string, signal?: AbortSignal): Promise<{ bytes: Buffer; digest: string }>
  /** A blob's bytes from `from` on, unchecked. Fails where nothing comes for a while, however much came. */
  blob(descriptor: Descriptor, from?: number, signal?: AbortSignal): Promise<Readable>
  /** Where a blob lies on this machine, for sources that are of this machine. */
  fileOf?(descriptor: Descriptor): string
  /** Throws `image-unavailable` for an image that the source doesn't hold as it should. */
  check?(image: ResolvedImage): Promise<void>
}

/** An image found in a source: its manifest for this machine and its configuration. */
export interface ResolvedImage {
  digest: string
  manifest: ImageManifest
  configBytes: Buffer
  config: ImageConfig
}

/**
 * Follows indexes to the manifest for an architecture (this machine's, unless said otherwise) and reads its
 * configuration. Throws `image-unavailable`.
 */
export async function resolveImage(
  source: ImageSource,
  reference: string,
  {
    signal,
    documentMs = DOCUMENT_MS,
    architecture = ARCHITECTURE,
  }: {
    signal?: AbortSignal | undefined
    documentMs?: number | undefined
    /** Of the machine that runs it, in the words of OCI images. */
    architecture?: string
  } = {},
): Promise<ResolvedImage> {
  const documentOf = (wanted: string) =>
    inTime(documentMs, TOO_SLOW, signal, (both) => source.document(wanted, both))
  let { bytes, digest } = await documentOf(reference)
  for (let depth = 0; depth < 3; depth++) {
    const json = parseJson(bytes)
    const manifest = ImageManifest.safeParse(json)
    if (manifest.success) {
      // Somebody else would read it as an index (CVE-2021-41190).
      if (Object.hasOwn(json as object, 'manifests'))
        throw unavailable('a document of it is both an image and an index')
      const { config: wanted } = manifest.data
      const configBytes = await inTime(documentMs, TOO_SLOW, signal, (both) => readBlob(source, wanted, both))
      const config = ImageConfig.safeParse(parseJson(configBytes))
      if (!config.success) throw unavailable("the image's configuration is malformed")
      const { os = 'linux', architecture: made = architecture } = config.data
      if (os !== 'linux' || made !== architecture) throw otherPlatform([`${os}/${made}`], architecture)
      const image = { digest, manifest: manifest.data, configBytes, config: config.data }
      await source.check?.(image)
      return image
    }
    const index = Index.safeParse(json)
    if (!index.success) throw unavailable('the registry answers with something that is no image')
    const entry = pickPlatform(index.data.manifests, architecture)
    ;({ bytes, digest } = await documentOf(entry.digest))
  }
  throw unavailable('its indexes are nested too deeply')
}

function pickPlatform(manifests: Descriptor[], architecture: string): Descriptor {
  const found =
    manifests.find((m) => m.platform?.os === 'linux' && m.platform.architecture === architecture) ??
    (manifests.length === 1 && !manifests[0]?.platform ? manifests[0] : undefined)
  if (!found)
    throw otherPlatform(
      manifests.flatMap(({ platform }) => (platform ? [`${platform.os}/${platform.architecture}`] : [])),
      architecture,
    )
  return found
}

function otherPlatform(made: string[], architecture: string): CloisterError {
  // Attestations that build tools add are listed under a platform of this name.
  const named = [...new Set(made)].filter((platform) => platform !== 'unknown/unknown').slice(0, 8)
  return unavailable(
    `it is made for ${named.join(', ') || 'no platform'}, and the worker is linux/${architecture}`,
    { reason: 'platform' },
  )
}

/** Reads a small blob whole and checks its digest and size. */
async function readBlob(source: ImageSource, descriptor: Descriptor, signal: AbortSignal): Promise<Buffer> {
  if (descriptor.size > MAX_DOCUMENT_BYTES) throw unavailable('a document of the image is too large')
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of await source.blob(descriptor, 0, signal)) {
    size += (chunk as Buffer).length
    if (size > descriptor.size) throw unavailable('a document of the image is longer than stated')
    chunks.push(chunk as Buffer)
  }
  if (size < descriptor.size) throw unavailable('a document of the image is shorter than stated')
  const bytes = Buffer.concat(chunks)
  checkDigest(bytes, descriptor.digest)
  return bytes
}

/** Throws unless `bytes` hash to `digest`. */
export function checkDigest(bytes: Buffer, digest: string): void {
  if (`sha256:${createHash('sha256').update(bytes).digest('hex')}` !== digest)
    throw unavailable(`its content does not match ${digest}`)
}

/** What kind of reason there is that an image can't be had, for programs. */
export type UnavailableReason =
  | 'login-needed'
  | 'not-found'
  | 'unreachable'
  | 'certificate'
  | 'platform'
  | 'rate-limited'
  | 'forbidden'
  | 'malformed'

/**
 * The error of an image that can't be had. `why` goes to the tenant: no path of the provider's machine is in
 * it.
 */
export function unavailable(
  why: string,
  options: { reason?: UnavailableReason; hint?: Hint; cause?: unknown } = {},
): CloisterError {
  const { reason = 'malformed', hint, cause } = options
  return new CloisterError('image-unavailable', `The image can't be had: ${why}.`, {
    details: { reason },
    cause,
    ...(hint !== undefined && { hint }),
  })
}

/**
 * Work for an image that is given up after `ms` milliseconds, with `why`, or once the signal comes. Throws
 * `image-unavailable`.
 */
export function inTime<T>(
  ms: number,
  why: string,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withinTime(ms, unavailable(why, { reason: 'unreachable' }), signal, work)
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw unavailable('a document of it is not JSON', { cause })
  }
}
