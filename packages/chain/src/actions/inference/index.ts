export { type AuthorizedDeposit, encodeDeposit, signDeposit } from './authorized-deposit.ts'
export {
  type ChannelState,
  channelIdIn,
  endChannelWithdrawal,
  getChannel,
  refundChannel,
  startChannelWithdrawal,
} from './channels.ts'
export { claimVouchers, encodeClaims, signClaims, type VoucherClaim } from './claims.ts'
export { receiptsContract, vouchersContract } from './contracts.ts'
export { type BatchOutcome, draw, encodeDraws, type SignedDraw } from './draws.ts'
export { getModelEarnings, withdrawModelEarnings } from './earnings.ts'
export {
  type CoveredSpan,
  findAnchoredRoot,
  getCoverageHistory,
  getKeysOf,
  getManifestHistory,
  getOffersOf,
  getStandingOffers,
  type ManifestSince,
  type OfferAnnounced,
} from './history.ts'
export { changeKey, getKey, type SessionKey, setKey } from './keys.ts'
export { type ChainOffer, endOffer, getOffer, getOfferOf, type OfferTerms, offerModel } from './offers.ts'
export { announceWithdrawal, depositPurse, getPurse, type Purse, withdrawPurse } from './purse.ts'
export { anchorReceipts, encodeAnchor, getReceiptsRoot, isAnchored, type ReceiptBatch } from './receipts.ts'
export {
  type AuthorizedTransfer,
  encodeSweep,
  encodeTakeAuthorized,
  getReceiver,
  receiversContract,
  sweepReceiver,
} from './receivers.ts'
export type { Skip, Skipped } from './skips.ts'
export {
  encodeX402Claims,
  encodeX402Deposit,
  encodeX402Settle,
  getX402Channel,
  getX402Unsettled,
  hasX402,
  signX402Claims,
  X402_CHANNELS,
  X402_COLLECTOR,
  type X402Channel,
  type X402Deposit,
  x402ChannelIdIn,
  x402Contract,
  x402Nonce,
} from './x402.ts'
