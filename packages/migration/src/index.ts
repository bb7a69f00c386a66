export { type LegacyAccount, parseAccount, showAccount } from './account.ts'
export { beginClaim, type Multisig, signClaim, textOfClaim } from './claim/claim.ts'
export { parseClaim, writeClaim } from './claim/claim-file.ts'
export { type ClaimSignature, readSignature, SCHEMES, type Scheme } from './claim/signature.ts'
export {
  type Approvals,
  approvalsToSend,
  type Claim,
  type ProvenLeaf,
  signaturesMissing,
} from './claim/signed.ts'
export { claimText, multisigText, type Place } from './claim/text.ts'
export { DEVELOPMENT_CHAIN, type LegacyChain } from './count/chains.ts'
export { type Holding, KINDS, type Kind, type LeftOut } from './count/holdings.ts'
export { hashLeaf, type Leaf, LeafTree, NEW_DECIMALS, toNewUnits } from './count/leaves.ts'
export { Leaves, leavesOfSnapshot, type PlacedLeaf, parseLeaves, writeLeaves } from './count/leaves-file.ts'
export { multisigOf, type Resolved } from './count/owners.ts'
export { parsePureProxies } from './count/pure-proxies.ts'
export {
  type Provenance,
  type Report,
  reportOf,
  writeAccounts,
  writeLeftOut,
  writeReport,
} from './count/report.ts'
export { type CountedAccount, type Snapshot, takeSnapshot } from './count/snapshot.ts'
export type { VestingPart } from './count/vesting.ts'
export { LegacyNode } from './rpc.ts'
export type { ChainState } from './state/chain-state.ts'
export { MemoryState } from './state/memory-state.ts'
export { stateRootOf, verifyState } from './state/verify.ts'
