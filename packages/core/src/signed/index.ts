export {
  receiveAuthorizationTypedData,
  type TransferAuthorization,
  transferAuthorizationTypedData,
} from './authorization.ts'
export {
  type Bid,
  bidFromJson,
  bidToJson,
  bidTypedData,
  leaseIdOf,
  MOST_NOTICE_MINUTES,
  type SignedBid,
  type SignedBidJson,
} from './bid.ts'
export {
  type Channel,
  ChannelJson,
  channelIdOf,
  channelsDomain,
  channelTypedData,
  WITHDRAW_DELAY,
} from './channel.ts'
export {
  type Charge,
  ChargeJson,
  chargeContent,
  chargeFromJson,
  chargeToJson,
  priceOf,
  type TokenPrices,
  type TokenUsage,
} from './charge.ts'
export { claimTypedData } from './claim.ts'
export { type ClaimEntry, claimBatchTypedData } from './claim-batch.ts'
export { consentTypedData } from './consent.ts'
export { type Draw, drawTypedData, isDrawSigned } from './draw.ts'
export { joinTypedData } from './join.ts'
export { keptSecretsTypedData } from './kept-secrets.ts'
export { keyTypedData } from './key.ts'
export { type Member, type MemberPlace, memberTypedData } from './member.ts'
export { permitTypedData } from './permit.ts'
export { purposeDigest, purposeTypedData } from './purpose.ts'
export { readerTypedData } from './reader.ts'
export {
  isReceiptSigned,
  type Receipt,
  receiptFromJson,
  receiptToJson,
  receiptTypedData,
  type SignedReceipt,
  SignedReceiptJson,
} from './receipt.ts'
export { type Refund, refundTypedData } from './refund.ts'
export {
  decodeRelay,
  encodeRelay,
  PLACE_NAME_PATTERN,
  type Relay,
  relayTypedData,
  type SignedRelay,
} from './relay.ts'
export {
  type Authorization,
  bodyHash,
  decodeAuthorization,
  encodeAuthorization,
  REQUEST_LIFETIME_SECONDS,
  requestTypedData,
  type SignedRequest,
} from './request.ts'
export { isRequestKeyOf, type RequestKey, requestKeyTypedData } from './request-key.ts'
export {
  type ResizeBid,
  resizeBidFromJson,
  resizeBidToJson,
  resizeBidTypedData,
  type SignedResizeBid,
  type SignedResizeBidJson,
} from './resize-bid.ts'
export { type Statement, statementDigest } from './statement.ts'
export { type VerdictKind, verdictToChain, verdictTypedData, type WorkerVerdict } from './verdict.ts'
export { verdictRequestTypedData } from './verdict-request.ts'
export {
  isVoucherSigned,
  type SignedVoucher,
  SignedVoucherJson,
  type Voucher,
  voucherFromJson,
  voucherTypedData,
} from './voucher.ts'
