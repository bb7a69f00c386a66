export { inferenceManifest } from './manifest.ts'
