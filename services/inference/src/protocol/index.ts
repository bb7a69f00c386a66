export { DOOR_PORT, inferenceManifest } from '../manifest.ts'
export { type ApiKey, encodeApiKey, isApiKey, parseApiKey } from './api-key.ts'
export * from './constants.ts'
export { Attestation, attestationData, Endpoint } from './endpoint.ts'
export {
  checkEndpointOptions,
  ENDPOINT_PATHS,
  EndpointKind,
  EndpointOptions,
  MAX_OPTIONS_BYTES,
  ModelName,
  readEndpointOptions,
} from './options.ts'
export {
  isFree,
  type Offer,
  OfferJson,
  offerFromJson,
  offerToJson,
} from './prices.ts'
export {
  checkReceipt,
  evidenceDigest,
  InferenceReceipt,
  MAX_RECEIPT_BYTES,
  RECEIPT_ID,
  type ReceiptCheck,
  ReceiptDetails,
  type ReceiptGround,
  ReceiptProof,
  type ReceiptStep,
  receiptContent,
  receiptDigest,
} from './receipt.ts'
export { isIncluded, leafOf, type ReceiptTree, receiptTree } from './receipt-tree.ts'
export {
  AnswerHead,
  decodeAnswer,
  decodeQuestion,
  encodeAnswerHead,
  encodeQuestion,
  QuestionHead,
} from './sealed-head.ts'
