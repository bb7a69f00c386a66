import { stat } from 'node:fs/promises'
import { type Descriptor, LayoutSource, resolveImage, unavailable } from '@cloister/images'

/**
 * The parts of an image that this machine takes of a layout folder, its manifest left aside: configuration
 * and layers, all of which are there. Throws `image-unavailable` naming what isn't.
 */
export async function sentImageParts(folder: string, digest: string): Promise<Descriptor[]> {
  const source = new LayoutSource(folder)
  const { manifest } = await resolveImage(source, digest)
  for (const layer of manifest.layers) {
    const there = await stat(source.fileOf(layer)).catch(() => undefined)
    if (there?.size !== layer.size) throw unavailable(`its layer ${layer.digest} was not sent`)
  }
  return [manifest.config, ...manifest.layers]
}
