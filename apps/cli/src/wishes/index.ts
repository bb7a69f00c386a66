import type { Granted, SentContent, Wish } from '@cloister/core'
import type { Fulfilled, WishOptions } from './options.ts'

/** What came of all wishes of a file. */
export interface GrantedWishes {
  /** For `ParseOptions.granted`. */
  granted: (wish: Wish) => Granted | undefined
  /** Everything that is sent, each once. */
  contents: SentContent[]
}

/** Builds, packs and reads what a file wishes for, one after another. */
export async function grantWishes(wishes: readonly Wish[], options: WishOptions): Promise<GrantedWishes> {
  const fulfilled = new Map<string, Fulfilled>()
  for (const wish of wishes) {
    const began = performance.now()
    const known = fulfilled.get(keyOf(wish))
    const found = known ?? (await grant(wish, options))
    fulfilled.set(keyOf(wish), found)
    options.onGranted?.(wish, found, (performance.now() - began) / 1000)
  }
  const contents = [...fulfilled.values()].flatMap((one) => one.contents)
  return {
    granted: (wish) => fulfilled.get(keyOf(wish))?.granted,
    contents: [...new Map(contents.map((content) => [content.digest, content])).values()],
  }
}

async function grant(wish: Wish, options: WishOptions): Promise<Fulfilled> {
  switch (wish.kind) {
    case 'image':
      return (await import('./images.ts')).grantImage(wish, options)
    case 'build':
      return (await import('./images.ts')).grantBuild(wish, options)
    default: {
      // Most files wish for no folder, and what packs one is long.
      const { grantFolder } = await import('./folders.ts')
      return grantFolder(wish, options)
    }
  }
}

/** The same for what comes to the same: two services may be built of one folder in one way. */
function keyOf(wish: Wish): string {
  return JSON.stringify('service' in wish ? { ...wish, service: '' } : wish)
}
