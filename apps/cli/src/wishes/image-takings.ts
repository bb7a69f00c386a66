import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ImagePlace } from '@cloister/core'
import { pathIn } from '@cloister/images'
import { type Permissions, placeOf, type Taking } from '../permissions.ts'

/** What an image of this machine is, as far as that isn't its project's. */
export function takingsOfImage(from: ImagePlace, folder: string, permissions: Permissions): Taking[] {
  if (from.kind === 'engine')
    return [
      { permission: `image=${from.name}`, what: `sends the image ${from.name} of your container engine` },
    ]
  const place = placeOf(folder)
  const path = pathIn(folder, from.path)
  return [path, ...partsOfLayout(path)]
    .map((part) => permissions.ofPath(place, part, part === path ? from.path : part))
    .filter((taking) => taking !== undefined)
}

/** Files that a layout's folder is read by, each of which may be a link. */
export function partsOfLayout(path: string): string[] {
  const blobs = join(path, 'blobs/sha256')
  try {
    return [join(path, 'index.json'), ...readdirSync(blobs).map((name) => join(blobs, name))]
  } catch {
    // No layout, which whoever reads the image says.
    return []
  }
}
