export { buildKeyServiceImage, keyServiceManifest } from './image.ts'
