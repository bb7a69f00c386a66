// What of the client needs Node: streams of a process.
export { type ExecParameters, exec } from './exec.ts'
export { type ServedKey, servedKey } from './served-key.ts'
