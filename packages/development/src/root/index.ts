export { type Documents, signDocuments } from './documents.ts'
export {
  developmentGuest,
  FMSPC as DEVELOPMENT_FMSPC,
  type GuestMeasurements,
  measurementsOf,
  NEWEST_SVNS,
  TEE_TCB_SVN,
} from './facts.ts'
export { DevelopmentGpu } from './gpu.ts'
export { DevelopmentEnclave, developmentEnclave } from './nitro.ts'
export { DevelopmentPlatform, type Manufactured, type QuoteVariations } from './platform.ts'
export { DevelopmentRoot } from './root.ts'
export { DevelopmentSnpPlatform, developmentSnpGuest } from './snp.ts'
