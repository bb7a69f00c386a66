import type { Granted, SentContent, Wish } from '@cloister/core'
import type { Permissions } from '../permissions.ts'

/** Where wishes are granted, and how. */
export interface WishOptions {
  /** The folder of the file, which the paths of wishes are relative to. */
  folder: string
  /** What may be taken that isn't the project's. */
  permissions: Permissions
  /** Print nothing for people. */
  quiet: boolean
  /** Which program builds images; default: the first that is there. */
  builder?: string | undefined
  /** Told of what a builder prints, line by line, and of its beginning. */
  onBuild?: ((event: BuildEvent) => void) | undefined
  /** Told of each wish once it is granted. */
  onGranted?: (wish: Wish, fulfilled: Fulfilled, seconds: number) => void
}

/** What happens while an image is built. */
export type BuildEvent =
  | { event: 'build'; service: string; builder: string }
  | { event: 'build-line'; service: string; line: string }

/** What a wish came to, and the bytes that are sent for it. */
export interface Fulfilled {
  granted: Granted
  contents: readonly SentContent[]
  /** What did it: a program's name, or where it was found. */
  how?: string
}
