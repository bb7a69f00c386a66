import {
  CloisterError,
  type Manifest,
  parseImageReference,
  type RegistryLogin,
  registryHostOf,
} from '@cloister/core'
import type { Executor, Image, PullProgress } from '@cloister/executors'
import type { Hex } from 'viem'
import { until } from '../patience.ts'
import type { SentRoom } from '../sent/sent-room.ts'
import type { Store } from '../store.ts'

/** Milliseconds between two words on how far a pull is. */
const PROGRESS_MS = 5_000

interface LeaseImagesParts {
  id: Hex
  executor: Executor
  store: Store
  sent: SentRoom
  emit: (kind: string, message: string) => void
}

/** Brings the images of a lease's manifests, with its tenant's logins, and tells how far it is. */
export class LeaseImages {
  private readonly parts: LeaseImagesParts

  constructor(parts: LeaseImagesParts) {
    this.parts = parts
  }

  /** By their names in the manifest. Throws `image-unavailable`. */
  async pull(manifest: Manifest, signal: AbortSignal): Promise<Record<string, Image>> {
    const { id, executor, store, sent: room, emit } = this.parts
    const images: Record<string, Image> = {}
    const tenant = store.lease(id)?.tenant
    const sent = tenant && room.layoutOf(tenant)
    for (const [name, service] of Object.entries(manifest.services)) {
      if (images[service.image]) continue
      const started = Date.now()
      // Broken off, it may take its time to end; what it brings is not used any more.
      const pull = executor.pull(service.image, {
        credentials: this.loginFor(service.image),
        sent,
        progress: this.progressOf(service.image, signal),
        signal,
      })
      images[service.image] = await until(pull, signal).catch((error) => {
        throw named(error, service.image, name)
      })
      emit(
        'image',
        `${service.image} is here as ${images[service.image]?.digest.slice(0, 19)}… (${Date.now() - started} ms).`,
      )
    }
    return images
  }

  private loginFor(image: string): RegistryLogin | undefined {
    const { host } = parseImageReference(image)
    return this.parts.store.lease(this.parts.id)?.logins?.find((login) => registryHostOf(login.host) === host)
  }

  /** Tells the tenant how far a pull is, now and then. */
  private progressOf(image: string, signal: AbortSignal): (progress: PullProgress) => void {
    let told = Date.now()
    return ({ step, bytes, total }) => {
      if (signal.aborted || Date.now() - told < PROGRESS_MS) return
      told = Date.now()
      const done = step === 'downloading' ? 'is here' : 'is unpacked'
      this.parts.emit('pulling', `${image}: ${mebibytes(bytes)} of ${mebibytes(total)} MiB ${done}.`)
    }
  }
}

/** The error of an image, with the image and the service that it is of: a file may have several. */
function named(error: unknown, image: string, service: string): unknown {
  if (!(error instanceof CloisterError) || error.code !== 'image-unavailable') return error
  const message = error.message.replace(/^The image/, `The image ${image} of ${service}`)
  return new CloisterError(error.code, message, {
    details: error.details,
    cause: error,
    ...(error.hint !== undefined && { hint: error.hint }),
  })
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 ** 2)
}
