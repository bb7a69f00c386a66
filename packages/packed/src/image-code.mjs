// How a program becomes the one file of code in an image.

/** For esbuild. The same sources have to give the same bytes, whoever packs them, and when. */
export const IMAGE_OPTIONS = {
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  // Some of what is bundled is CommonJS and asks for `require`.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  charset: 'ascii',
  legalComments: 'none',
  // Node keeps the text of what it runs: without comments it is half as long.
  minifyWhitespace: true,
  lineLimit: 160,
}

/** What `packedProgram` finds the code of a program's image by, instead of a command. */
export const IMAGE = 'image'
