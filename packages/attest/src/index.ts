export { parseCertificateTable } from './amd/certificate-table.ts'
export { fetchSnpEndorsements, fetchSnpRevocations, type SnpProduct, snpProductOf } from './amd/fetch.ts'
export { SnpEndorsements, verifySnpReport } from './amd/verify.ts'
export { verifyNitroDocument } from './aws/verify.ts'
export { fromBase64 } from './bytes.ts'
export type { EvidenceDocument } from './documents/document.ts'
export { readEvidenceDocuments } from './documents/read.ts'
export { type DocumentVerdict, type Missing, verifyEvidenceDocument } from './documents/verify.ts'
export {
  type DstackEvent,
  type DstackIdentity,
  identityOf,
  parseEventLog,
  replayEventLog,
} from './dstack/event-log.ts'
export { composeBytes, type DstackVerdict, dstackReportData, verifyDstack } from './dstack/verify.ts'
export { EvidenceError } from './errors.ts'
export { Findings, type Rule } from './findings.ts'
export {
  claimsOfGuest,
  type GuestClaims,
  GuestEndorsements,
  GuestKind,
  measurementOf,
  verifyGuest,
} from './guest.ts'
export { type PreparedEndorsements, prepareEndorsements, QuoteEndorsements } from './intel/endorsements.ts'
export {
  type FetchEndorsementsOptions,
  type FetchForEndorsements,
  fetchEndorsements,
  INTEL_PCS,
} from './intel/fetch.ts'
export { type PlatformCertificates, platformCertificates, withoutCertificates } from './intel/platform.ts'
export { parseQuote, type Quote } from './intel/quote.ts'
export { intelRoot, type TrustRoot, trustRoot } from './intel/root.ts'
export { type VerifyQuoteOptions, verifyQuote } from './intel/verify.ts'
export { gpuClassOf, gpuNonceOf } from './nvidia/binding.ts'
export { identifyGpu, verifyGpuReport } from './nvidia/report.ts'
export { verifyGpuTokens } from './nvidia/token.ts'
export type { Check, CheckGroup, EvidenceKind, Problem, RootName, TcbStatus, Verdict } from './verdict.ts'
export { parseRevocationList, type RevocationList } from './x509/revocation-list.ts'
