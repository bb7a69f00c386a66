/** The token's move from its old Substrate chain: what `@cloister/migration` counted, on the chain. */
export { getClaimsTo as received } from '@cloister/chain'
export { placeOf } from './place.ts'
export { release } from './release.ts'
export { send } from './send.ts'
export { status } from './status.ts'
