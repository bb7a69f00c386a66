/** What of the SDK needs Node: files. */
export { loadNetwork } from '@cloister/chain/node'
