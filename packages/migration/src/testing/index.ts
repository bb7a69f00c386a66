export { type LegacyChainMade, makeLegacyChain } from './legacy-chain.ts'
export { cryptoWaitReady, type Person } from './people.ts'
export { type FakeNode, serveLegacyChain } from './rpc-server.ts'
