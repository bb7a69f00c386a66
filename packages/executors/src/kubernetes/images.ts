import { parseImageReference, SENT_HOST } from '@cloister/core'
import { resolveImage, unavailable } from '@cloister/images'
import type { Image, PullOptions } from '../executor.ts'
import { findImage, type ImageSettings } from '../oci/find.ts'
import { describeImage } from '../oci/image.ts'
import { pinnedReference } from '../oci/reference.ts'

/**
 * What a cluster's machines can pull: images of public registries, by digest. The worker asks the registry
 * itself what the digest is and how the image begins. Throws `image-unavailable` with the reason.
 */
export async function findClusterImage(
  reference: string,
  options: PullOptions,
  settings: ImageSettings,
): Promise<Image> {
  if (parseImageReference(reference).host === SENT_HOST)
    throw unavailable("it was sent, and a cluster's machines pull from registries only: push it to one")
  // The cluster would keep them, where whoever administers it reads them.
  if (options.credentials)
    throw unavailable('its registry asks for a login, which a cluster would keep for everyone who runs it')
  const { source, wanted, close } = await findImage(reference, options, { ...settings, layouts: [] })
  try {
    const image = await resolveImage(source, wanted, { signal: options.signal })
    return describeImage(reference, image.digest, image.config)
  } finally {
    close()
  }
}

/** What machines pull: the very image, whatever its name leads to by then. */
export function pulledBy({ reference, digest }: Image): string {
  const { host, repository } = parseImageReference(reference)
  return pinnedReference(`${host}/${repository}`, digest)
}
