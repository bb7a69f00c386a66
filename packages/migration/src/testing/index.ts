export { ChainMaker, type MadeChain } from './chain-maker.ts'
export { type LegacyChainMade, makeLegacyChain, PHA } from './legacy-chain.ts'
export { cryptoWaitReady, type Person, personOf } from './people.ts'
export { type FakeNode, serveLegacyChain } from './rpc-server.ts'
