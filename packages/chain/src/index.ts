export * from './actions/apps/apps.ts'
export * from './actions/apps/key-service.ts'
export * from './actions/governance/ballots.ts'
export { type BudgetUse, getBudgetUse } from './actions/governance/budget.ts'
export * from './actions/governance/council.ts'
export {
  type Grant,
  getGrants,
  type Milestone,
  sendBackMilestone,
  withdrawMilestone,
} from './actions/governance/grants.ts'
export { type BallotNeeds, getBallotNeeds } from './actions/governance/needs.ts'
export { type BallotPlaces, ballotsOf, getBallotPlaces } from './actions/governance/places.ts'
export {
  type CommunityPool,
  collectIncome,
  getCommunityPool,
  type PoolToken,
} from './actions/governance/pool.ts'
export * from './actions/governance/power.ts'
export type { BallotRow } from './actions/governance/vote-rows.ts'
export * from './actions/inference/index.ts'
export { signBid } from './actions/leases/bid.ts'
export * from './actions/leases/lease.ts'
export { getLeasesOpenedBy, isSending, type OpenedLease } from './actions/leases/opened.ts'
export { getResizes, resizeLease, signResizeBid } from './actions/leases/resize.ts'
export * from './actions/migration/claims.ts'
export { send } from './actions/send.ts'
export { isSignedBy } from './actions/signature.ts'
export * from './actions/stake/slashing.ts'
export * from './actions/stake/stake.ts'
export * from './actions/token.ts'
export * from './actions/workers/attestation.ts'
export { ensureRevocations, type PostedLists } from './actions/workers/revocations.ts'
export * from './actions/workers/verdict.ts'
export { getVerifierProvider } from './actions/workers/verifier.ts'
export * from './actions/workers/worker.ts'
export { type Chain, connectChain, connectWallet, type Wallet } from './client.ts'
export { chainError } from './errors/chain-error.ts'
export {
  type Cost,
  costOf,
  dataFeeOf,
  type FeePrices,
  type Layer2Prices,
  operatorFeeOf,
  sumOf,
  type Transaction,
} from './fees/cost.ts'
export { fastLzLength } from './fees/fast-lz.ts'
export { readFeePrices } from './fees/prices.ts'
export { claimOf, openManyOf, TRANSACTIONS } from './fees/transactions.ts'
export * from './generated/abis.ts'
export { GAS } from './generated/gas.ts'
export { decodeChange, type Governed, getReadyAt, governedContracts } from './governed.ts'
export { Heads } from './heads.ts'
export { lateAccount } from './late-account.ts'
export { type BridgedToken, Layer1 } from './layer1.ts'
export { findToken, Network, readNetwork, type Token, trustRootOf } from './network.ts'
export { rpcOver } from './rpc-over.ts'
