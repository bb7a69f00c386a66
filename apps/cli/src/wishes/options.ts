import type { Granted, SentContent, Wish } from '@cloister/core'

/** Where wishes are granted, and how. */
export interface WishOptions {
  /** The folder of the file, which the paths of wishes are relative to. */
  folder: string
  /** Print nothing for people. */
  quiet: boolean
  /** Which program builds images; default: the first that is there. */
  builder?: string | undefined
  /** Told of each wish as it is granted. */
  onGranted?: (wish: Wish, fulfilled: Fulfilled) => void
}

/** What a wish came to, and the bytes that are sent for it. */
export interface Fulfilled {
  granted: Granted
  contents: readonly SentContent[]
}
