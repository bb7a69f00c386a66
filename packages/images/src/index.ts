export { type BuiltImage, buildImage } from './build/build.ts'
export { BUILDERS, type Builder, type BuilderName, findBuilder } from './build/builder.ts'
export { pathIn } from './build/command.ts'
export { ImageCache } from './cache.ts'
export { engineImage } from './engine.ts'
export type { HeldImage } from './held.ts'
export { withinTime } from './in-time.ts'
export { LayoutSource } from './layout.ts'
export { placedImage } from './placed.ts'
export { readImage } from './read.ts'
export { readBlocks } from './read-blocks.ts'
export {
  checkDigest,
  type Descriptor,
  type ImageConfig,
  type ImageSource,
  inTime,
  MAX_DOCUMENT_BYTES,
  MAX_LAYER_BYTES,
  type ResolvedImage,
  resolveImage,
  type UnavailableReason,
  unavailable,
} from './source.ts'
export { readTar, type TarEntry, TarError } from './tar-reader.ts'
