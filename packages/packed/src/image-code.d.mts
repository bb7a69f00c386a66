import type { BuildOptions } from 'esbuild'

/**
 * How a program becomes the one file of code in an image. The same sources have to give the same bytes,
 * whoever packs them, and when.
 */
export const IMAGE_OPTIONS: BuildOptions & { write: false }

/** What `packedProgram` finds the code of a program's image by, as its `command`. */
export const IMAGE: 'image'
