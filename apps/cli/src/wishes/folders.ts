import { CloisterError, type Wish } from '@cloister/core'
import type { Fulfilled, WishOptions } from './options.ts'

/** A folder as a tar archive, or a file, with what is sent of it. */
export async function grantFolder(
  wish: Extract<Wish, { kind: 'folder' | 'file' }>,
  _options: WishOptions,
): Promise<Fulfilled> {
  throw new CloisterError('not-a-file', `${wish.path} can't be packed yet.`)
}
