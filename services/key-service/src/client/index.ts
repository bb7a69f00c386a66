export { fetchAppKeys, type Prove, type Run } from './app-keys.ts'
export { fetchPublicKeys } from './public-keys.ts'
export { type SeatStatus, seatConsent, seatStatuses } from './seats.ts'
