/** Leasing: from bids to a running service, and everything after. */
export { bids } from '../actions/bids.ts'
export { close, topUp } from '../actions/close.ts'
export { checkSecrets, deploy, noBids } from '../actions/deploy.ts'
export { depositFor, depositProblem, isUnexpected } from '../actions/deposit.ts'
export { findLease, openSession, routesOf, status, urlsOf } from '../actions/lease.ts'
export { requireMoney } from '../actions/money.ts'
export { update } from '../actions/update.ts'
