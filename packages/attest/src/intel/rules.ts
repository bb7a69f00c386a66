import type { Rule } from '../findings.ts'

const PCS = 'Intel PCS API v4'
const QUOTE = 'Intel TDX DCAP Quoting Library API, appendix A'
const PROFILE = 'Intel SGX PCK Certificate and CRL Profile'
const QVL = 'Intel SGX DCAP Quote Verification Library'

/** What verification of an Intel quote compares, in words. */
export const RULE = {
  rootList: {
    code: 'root-crl',
    title: 'The root’s revocation list is signed by the root',
    source: PROFILE,
    otherwise: 'The revocation list of the root authority is not signed by it.',
  },
  pckListChain: {
    code: 'pck-crl-chain',
    title: 'The issuer of the PCK revocation list chains to the root',
    source: PROFILE,
    otherwise: 'The issuer of the PCK revocation list does not chain to the root.',
  },
  pckList: {
    code: 'pck-crl',
    title: 'The PCK revocation list is signed by its issuer',
    source: PROFILE,
    otherwise: 'The PCK revocation list is not signed by its issuer.',
  },
  tcbInfoChain: {
    code: 'tcb-info-chain',
    title: 'The signer of the TCB info chains to the root',
    source: PCS,
    otherwise: 'The signer of the TCB info does not chain to the root.',
  },
  tcbInfo: {
    code: 'tcb-info',
    title: 'The TCB info is signed',
    source: PCS,
    otherwise: 'The signature of the TCB info is wrong.',
  },
  qeIdentityChain: {
    code: 'qe-identity-chain',
    title: 'The signer of the quoting enclave’s identity chains to the root',
    source: PCS,
    otherwise: 'The signer of the quoting enclave’s identity does not chain to the root.',
  },
  qeIdentity: {
    code: 'qe-identity',
    title: 'The quoting enclave’s identity is signed',
    source: PCS,
    otherwise: 'The signature of the quoting enclave’s identity is wrong.',
  },
  endorsementsTime: {
    code: 'endorsements-time',
    title: 'TCB info, identities, revocation lists and their signers are valid at the instant',
    source: PCS,
    otherwise: 'Part of the endorsements is not valid at the instant.',
  },
  endorsementsKind: {
    code: 'endorsements-kind',
    title: 'The endorsements are for this kind of quote',
    source: QVL,
    otherwise: 'The endorsements are for another kind of quote.',
  },
  vendor: {
    code: 'qe-vendor',
    title: 'The quote names Intel as vendor of its quoting enclave',
    source: QUOTE,
    otherwise: 'The quote names another vendor’s quoting enclave.',
  },
  pckChain: {
    code: 'pck-chain',
    title: 'The platform’s PCK certificate chains to the root',
    source: PROFILE,
    otherwise: 'The platform’s PCK certificate does not chain to the root.',
  },
  pckTime: {
    code: 'pck-time',
    title: 'The PCK chain is valid at the instant',
    source: 'RFC 5280, section 4.1.2.5',
    otherwise: 'The PCK chain is not valid at the instant.',
  },
  revoked: {
    code: 'revoked',
    title: 'No certificate is on a revocation list',
    source: 'RFC 5280, section 5',
    otherwise: 'A certificate has been revoked.',
  },
  pckIssuer: {
    code: 'pck-issuer',
    title: 'The revocation list is that of the PCK certificate’s issuer',
    source: PROFILE,
    otherwise: 'The revocation list is of another authority than the one that issued the PCK certificate.',
  },
  qeSignature: {
    code: 'qe-report-signature',
    title: 'The quoting enclave’s report is signed by the PCK key',
    source: QUOTE,
    otherwise: 'The signature on the quoting enclave’s report is wrong.',
  },
  qeBinding: {
    code: 'qe-binding',
    title: 'The quoting enclave vouches for the attestation key',
    source: QUOTE,
    otherwise: 'The quoting enclave’s report does not hold the hash of the attestation key.',
  },
  qeSigner: {
    code: 'qe-signer',
    title: 'The quoting enclave is signed by the key that Intel names',
    source: PCS,
    otherwise: 'The quoting enclave is signed by a key that Intel does not name.',
  },
  qeProduct: {
    code: 'qe-product',
    title: 'The quoting enclave is the product that Intel names',
    source: PCS,
    otherwise: 'The quoting enclave is another product.',
  },
  qeMiscselect: {
    code: 'qe-miscselect',
    title: 'Its MISCSELECT is as Intel wants it',
    source: PCS,
    otherwise: 'The quoting enclave’s MISCSELECT is not as Intel wants it.',
  },
  qeAttributes: {
    code: 'qe-attributes',
    title: 'Its attributes are as Intel wants them, without debug',
    source: PCS,
    otherwise: 'The quoting enclave’s attributes are not as Intel wants them.',
  },
  qeLevel: {
    code: 'qe-level',
    title: 'The quoting enclave is at a known level',
    source: PCS,
    otherwise: 'The quoting enclave is older than every level that Intel knows.',
  },
  quoteSignature: {
    code: 'quote-signature',
    title: 'The quote is signed by the attestation key',
    source: QUOTE,
    otherwise: 'The signature on the quote is wrong.',
  },
  fmspc: {
    code: 'fmspc',
    title: 'The TCB info is for this family of platforms',
    source: PCS,
    otherwise: 'The TCB info is for another family of platforms.',
  },
  pceId: {
    code: 'pce-id',
    title: 'The TCB info is for this PCE',
    source: PCS,
    otherwise: 'The TCB info is for another provisioning enclave.',
  },
  module: {
    code: 'tdx-module',
    title: 'The TDX module is as the TCB info describes it',
    source: PCS,
    otherwise: 'The TDX module is not one that the TCB info describes.',
  },
  moduleLevel: {
    code: 'tdx-module-level',
    title: 'The TDX module is at a known level',
    source: PCS,
    otherwise: 'The TDX module is older than every level that Intel knows.',
  },
  level: {
    code: 'tcb-below-every-level',
    title: 'The platform reaches a TCB level',
    source: PCS,
    otherwise: 'The platform’s TCB is below every level that Intel knows.',
  },
  notRevoked: {
    code: 'tcb-revoked',
    title: 'The TCB level is not revoked',
    source: PCS,
    otherwise: 'The platform’s TCB level is revoked.',
  },
  debug: {
    code: 'debug',
    title: 'Debug is off',
    source: 'Intel TDX Module ABI Specification, ATTRIBUTES; SGX Developer Reference, ATTRIBUTES',
    otherwise: 'Debug is on: the host can look into the guest.',
  },
  attributes: {
    code: 'td-attributes',
    title: 'No reserved attribute is set, and page faults stay in the guest (SEPT_VE_DISABLE)',
    source: 'Intel TDX Module ABI Specification, ATTRIBUTES',
    otherwise: 'The guest’s attributes are not safe.',
  },
  serviceTd: {
    code: 'service-td',
    title: 'No service TD is bound to the guest',
    source: 'Intel TDX Module ABI Specification, MRSERVICETD',
    otherwise: 'A service TD is bound to the guest, which could move it elsewhere.',
  },
} satisfies Record<string, Rule>
