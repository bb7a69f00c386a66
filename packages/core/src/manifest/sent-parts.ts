import type { Manifest } from './manifest.ts'
import { type SentBlob, sentDigest } from './sent.ts'

/** What of a manifest's content its tenant sends. */
export interface SentParts {
  /** Digests of images' manifests, which name the rest of each image. */
  images: string[]
  /** Archives that volumes begin with, and contents of files. */
  blobs: SentBlob[]
}

/** What a manifest takes that comes beside it; each once. */
export function sentParts({ services, volumes }: Manifest): SentParts {
  const images = Object.values(services).flatMap(({ image }) => sentDigest(image) ?? [])
  const blobs = [
    ...Object.values(volumes).flatMap(({ from }) => from ?? []),
    ...Object.values(services).flatMap(({ files }) =>
      files.flatMap((file) => ('blob' in file ? file.blob : [])),
    ),
  ]
  return {
    images: [...new Set(images)],
    blobs: [...new Map(blobs.map((blob) => [blob.digest, blob])).values()],
  }
}
