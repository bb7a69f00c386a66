// What of the client needs Node: streams of a process.
export { type ExecParameters, exec } from './exec.ts'
