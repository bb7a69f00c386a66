// What of the SDK needs Node: files, and streams of a process.
export { loadNetwork } from '@cloister/chain/node'
export { type ExecParameters, exec } from '@cloister/client/node'
