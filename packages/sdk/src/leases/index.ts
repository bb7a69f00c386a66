/** Leasing: from bids to a running service, and everything after. */
export { bids } from './bids.ts'
export { close, topUp } from './close.ts'
export { checkSecrets, deploy, noBids } from './deploy.ts'
export { depositFor, depositProblem, isUnexpected } from './deposit.ts'
export { findLease, openSession, routesOf, status, urlsOf } from './lease.ts'
export { requireMoney } from './money.ts'
export { checkContents, sendContents } from './send.ts'
export { update } from './update.ts'
