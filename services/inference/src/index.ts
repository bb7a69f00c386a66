export { buildEngineImage, ENGINE_IMAGE, ENGINE_PORT, type EngineImage } from './engine/image.ts'
export { buildInferenceImage } from './image.ts'
export { inferenceManifest } from './manifest.ts'
export { type FetchWeightsOptions, fetchWeights } from './weights/fetch.ts'
