export { type AnswerHashes, askSealed, type Question, type SealedAnswer, UnsealedAnswer } from './answer.ts'
export { fetchReceipt, receiptOfAnswer } from './answer-receipt.ts'
export { ConfidentialClient, type ReceiptOutcome, refusalOf } from './confidential.ts'
export {
  type EndpointDemands,
  type VerifiedEndpoint,
  type VerifyOptions,
  verifyEndpoint,
} from './endpoint.ts'
export { Endpoints } from './endpoints.ts'
export { urlOn, type Way, wayThroughGateway } from './reach.ts'
export { questionOf, responseOf, sealedFetch } from './sealed-fetch.ts'
export {
  type ReceiptSubject,
  type VerifiedReceipt,
  type VerifiedStep,
  type VerifiedStepName,
  verifyReceipt,
} from './verify-receipt.ts'
