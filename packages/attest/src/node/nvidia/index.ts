export { type FetchOptions, fetchGpuRim, fetchOcsp, type GpuVersions, rimIdsOf } from './fetch.ts'
export { type GpuReferenceValues, goldenMeasurements, verifyGpuRim } from './rim.ts'
