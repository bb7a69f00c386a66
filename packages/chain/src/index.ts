export * from './actions/apps.ts'
export * from './actions/attestation.ts'
export { signBid } from './actions/bid.ts'
export * from './actions/bundle.ts'
export { fundDevelopmentAccount } from './actions/faucet.ts'
export * from './actions/key-service.ts'
export * from './actions/lease.ts'
export { ensureRevocations, type PostedLists } from './actions/revocations.ts'
export { chainError, send } from './actions/send.ts'
export { isSignedBy } from './actions/signature.ts'
export * from './actions/slashing.ts'
export * from './actions/stake.ts'
export * from './actions/token.ts'
export * from './actions/verdict.ts'
export { getVerifierProvider } from './actions/verifier.ts'
export * from './actions/worker.ts'
export { type Chain, connectChain, connectWallet, type Wallet } from './client.ts'
export { claimsOf, collateralFor, type GuestEvidence } from './collateral.ts'
export { DEVELOPMENT_ROLES, developmentAccount } from './development.ts'
export {
  ADMISSION_ABI,
  EMISSION_ABI,
  KEY_SERVICE_ABI,
  MARKET_ABI,
  SLASHING_ABI,
  STAKE_ABI,
  TEST_USDC_ABI,
  TOKEN_ABI,
  WORKERS_ABI,
} from './generated/abis.ts'
export { decodeChange, type Governed, getReadyAt, governedContracts } from './governed.ts'
export { Heads } from './heads.ts'
export { findToken, loadNetwork, Network, type Token, trustRootOf } from './network.ts'
