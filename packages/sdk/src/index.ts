export { type Network, readNetwork, setCommission } from '@cloister/chain'
export {
  everyPage,
  IndexClient,
  type Verified,
  WorkerClient,
  workerOfRecord,
} from '@cloister/client'
export { type Manifest, type Policy, parseManifest, parsePolicy } from '@cloister/core'
export type { Bids, BidsParameters, CheckedBid, Declined } from './actions/bids.ts'
export type { Closed } from './actions/close.ts'
export { DEPLOY_STEPS, type Deployed, type DeployParameters, type DeployStep } from './actions/deploy.ts'
export type { AskedDeposit } from './actions/deposit.ts'
export { type GovernanceStatus, governance, type OnChain } from './actions/governance.ts'
export type { LeaseStatus } from './actions/lease.ts'
export type { LastLines } from './actions/start.ts'
export type { Updated } from './actions/update.ts'
export { type Cloister, createCloister, walletOf } from './cloister.ts'
export * as apps from './namespaces/apps.ts'
export * as leases from './namespaces/leases.ts'
export * as stake from './namespaces/stake.ts'
export * as verify from './namespaces/verify.ts'
export { type Counterpart, Session, sessionOf } from './session.ts'
