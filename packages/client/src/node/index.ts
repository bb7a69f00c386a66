// What of the client needs Node: streams of a process.
export { type ExecParameters, exec } from './exec.ts'
export { openRelay, RELAY_MESSAGE_BYTES } from './relay.ts'
export { placesOf, type ServedKey, servedKey } from './served-key.ts'
