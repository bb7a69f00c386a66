import { CloisterError, type Wish } from '@cloister/core'
import type { Fulfilled, WishOptions } from './options.ts'

/** An image that is on this machine, with what is sent of it. */
export async function grantImage(
  wish: Extract<Wish, { kind: 'image' }>,
  _options: WishOptions,
): Promise<Fulfilled> {
  throw new CloisterError('not-a-file', `The image of ${wish.service} can't be read yet.`)
}

/** An image that is built, with what is sent of it. */
export async function grantBuild(
  wish: Extract<Wish, { kind: 'build' }>,
  _options: WishOptions,
): Promise<Fulfilled> {
  throw new CloisterError('not-a-file', `The image of ${wish.service} can't be built yet.`)
}
