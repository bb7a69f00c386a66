// What of the SDK needs Node: files, streams of a process, and requests without the global `fetch`.
export { loadNetwork } from '@cloister/chain/node'
export { type ExecParameters, exec, placesOf, type ServedKey, servedKey } from '@cloister/client/node'
export { receive as send } from '@cloister/transport'
