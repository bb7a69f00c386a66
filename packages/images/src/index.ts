export { withinTime } from './in-time.ts'
export { LayoutSource } from './layout.ts'
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
