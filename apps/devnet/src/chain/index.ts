export { ensureContracts, fundTenants } from '../contracts.ts'
export { JournaledChain, type Pace } from './chain.ts'
export { ChainDoor } from './door.ts'
