export { DialAgent } from './dial.ts'
export { connectPinned } from './pinned.ts'
export { CORRELATION, type RelayOptions, relayRequest } from './request.ts'
export { relayUpgrade } from './upgrade.ts'
