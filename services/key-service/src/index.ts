export { buildKeyServiceImage } from './image.ts'
export { keyServiceManifest } from './manifest.ts'
