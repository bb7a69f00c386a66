export {
  cancelExit,
  claimRewards,
  delegate,
  getClaimable,
  getPosition,
  redelegate,
  reportContradiction,
  reportRefusal,
  requestExit,
  setCommission,
  withdrawExit,
} from '@cloister/chain'
export {
  type ExecParameters,
  everyPage,
  exec,
  IndexClient,
  type Verified,
  WorkerClient,
  workerOfRecord,
} from '@cloister/client'
export { listApps } from './actions/apps.ts'
export { auditStake } from './actions/audit.ts'
export { type Bids, type BidsParameters, bids, type CheckedBid, type Declined } from './actions/bids.ts'
export { type Closed, close, topUp } from './actions/close.ts'
export {
  checkSecrets,
  DEPLOY_STEPS,
  type Deployed,
  type DeployParameters,
  type DeployStep,
  deploy,
  noBids,
} from './actions/deploy.ts'
export { type AskedDeposit, depositFor, depositProblem, isUnexpected } from './actions/deposit.ts'
export { type GovernanceStatus, governance, type OnChain } from './actions/governance.ts'
export {
  findLease,
  type LeaseStatus,
  openSession,
  routesOf,
  status,
  urlsOf,
} from './actions/lease.ts'
export { requireMoney } from './actions/money.ts'
export type { LastLines } from './actions/start.ts'
export { type Updated, update } from './actions/update.ts'
export { evidence, verify } from './actions/verify.ts'
export { type Cloister, createCloister, walletOf } from './cloister.ts'
export { keyService, sealForApp, seatConsent } from './secrets/key-service.ts'
export { type Counterpart, Session, sessionOf } from './session.ts'
