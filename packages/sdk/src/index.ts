export { type Network, readNetwork, setCommission } from '@cloister/chain'
export {
  everyPage,
  IndexClient,
  type Verified,
  WorkerClient,
  workerOfRecord,
} from '@cloister/client'
export {
  type Collector,
  type DnsAccess,
  type Manifest,
  type Policy,
  parseManifest,
  parsePolicy,
  readCollector,
  readDnsKey,
  resizeManifest,
  type SentContent,
  type SizeChange,
} from '@cloister/core'
export type {
  Question,
  ReceiptOutcome,
  SealedAnswer,
  VerifiedEndpoint,
  VerifiedReceipt,
} from '@cloister/inference/client'
export type { EndpointOptions, InferenceReceipt } from '@cloister/inference/protocol'
export * as apps from './apps/index.ts'
export { type Cloister, createCloister, walletOf } from './cloister.ts'
export type { ClusterBids } from './clusters/bids.ts'
export type { ClosedMember, ClusterClosed } from './clusters/close.ts'
export * as clusters from './clusters/index.ts'
export { CLUSTER_STEPS, type ClusterJournal, type ClusterRecord } from './clusters/journal.ts'
export type { ClusterMember, ClusterStatus, ClusterSummary } from './clusters/status.ts'
export type { ClusterStep, UpParameters } from './clusters/up.ts'
export * as council from './council/index.ts'
export { type GovernanceStatus, governance, type OnChain } from './governance/governance.ts'
export * as grants from './grants/index.ts'
export type { AppliedEndpoint, ApplyOptions } from './inference/apply/apply.ts'
export type { FoundEndpoint } from './inference/apply/found.ts'
export type { EndpointStep, ModelsPlan, PlannedEndpoint, PlanOptions } from './inference/apply/plan.ts'
export type { WantedEndpoint } from './inference/apply/wanted.ts'
export type { ChatMessage } from './inference/chat.ts'
export { type ConfidentialFetchParameters, createConfidentialFetch } from './inference/confidential-fetch.ts'
export type { ConfidentialModels, ConfidentialParameters } from './inference/confidential-models.ts'
export type { Asking, DeployedModel, DeployModelParameters } from './inference/deploy.ts'
export * as models from './inference/index.ts'
export type { NewApiKey } from './inference/keys.ts'
export type { ModelOffer, ModelSummary } from './inference/offers.ts'
export * as receipts from './inference/receipts.ts'
export type { Bids, BidsParameters, CheckedBid, Declined } from './leases/bids.ts'
export type { Closed } from './leases/close.ts'
export { DEPLOY_STEPS, type Deployed, type DeployParameters, type DeployStep } from './leases/deploy.ts'
export type { AskedDeposit } from './leases/deposit.ts'
export type { DomainRecord, LeaseDomains } from './leases/domains.ts'
export type { Ended, LogsWanted } from './leases/ended.ts'
export type { DeployedGroup } from './leases/groups/deploy.ts'
export type { Group, Member } from './leases/groups/find.ts'
export * as groups from './leases/groups/index.ts'
export type { OpenedReplica, Planned, ReplicasParameters } from './leases/groups/open.ts'
export type { Scaled } from './leases/groups/scale.ts'
export type { GroupUpdated, Rollout, RolloutJournal } from './leases/groups/update.ts'
export * as leases from './leases/index.ts'
export type { LeaseStatus } from './leases/lease.ts'
export {
  MOVE_STEPS,
  type Moved,
  type MoveJournal,
  type MoveParameters,
  type MoveRecord,
} from './leases/move.ts'
export type { PauseOffer } from './leases/pause.ts'
export type { Resized, ResizeOptions } from './leases/resize.ts'
export type { ResizeBidOptions, ResizeOffer } from './leases/resize-bid.ts'
export type { SendProgress } from './leases/send.ts'
export type { LastLines } from './leases/start.ts'
export type { Updated } from './leases/update.ts'
export * as migration from './migration/index.ts'
export type { SentClaim } from './migration/send.ts'
export type { ClaimStatus, LeafStatus } from './migration/status.ts'
export * as networks from './networks/index.ts'
export type { NetworkMember, NetworkStatus } from './networks/networks.ts'
export { type Counterpart, Session, sessionOf } from './session.ts'
export * as stake from './stake/index.ts'
export * as verify from './verify/index.ts'
export type { CastOptions } from './votes/cast.ts'
export type { BallotStatus } from './votes/find.ts'
export * as votes from './votes/index.ts'
export type { AtHub, Followed, OnChain as VoteOnChain } from './votes/kept.ts'
export type { PowerReason, PowerReport } from './votes/power.ts'
export type { Proposed, ProposeParameters } from './votes/propose.ts'
