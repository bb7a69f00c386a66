export { DialAgent } from './dial.ts'
export { CORRELATION, type RelayOptions, relayRequest } from './request.ts'
export { relayUpgrade } from './upgrade.ts'
