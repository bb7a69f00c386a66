export { developmentGuest, FMSPC as DEVELOPMENT_FMSPC, type GuestImage, measurementsOf, NEWEST_SVNS, TEE_TCB_SVN } from './facts.ts'
export { DevelopmentPlatform, type Manufactured, type QuoteVariations } from './platform.ts'
export { type DevelopmentGpu, DevelopmentRoot } from './root.ts'
