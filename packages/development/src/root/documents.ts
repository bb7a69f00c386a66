import type { DevelopmentRoot } from './root.ts'

/** Answers of an endorsements service by path, their bodies in base64. */
export type Documents = Record<string, { headers: Record<string, string>; body: string }>

const JSON_TYPE = { 'content-type': 'application/json' }

/**
 * What Intel's PCS (API v4) says of real machines, about platforms of the development root: revocation
 * lists, TCB info, the quoting enclave's identity; and the key set of its GPU tokens. Signed now.
 */
export async function signDocuments(root: DevelopmentRoot): Promise<Documents> {
  const endorsements = await root.endorsements()
  const entry = (headers: Record<string, string>, body: string, encoding: BufferEncoding = 'utf8') => ({
    headers,
    body: Buffer.from(body, encoding).toString('base64'),
  })
  const chain = (name: string, pem: string) => ({ [name]: encodeURIComponent(pem) })
  const signed = (name: string, document: string, signature: string) =>
    `{"${name}":${document},"signature":"${signature}"}`
  return {
    '/nvidia/keys.json': entry(JSON_TYPE, JSON.stringify(root.gpuKeys)),
    '/sgx/certification/v4/pckcrl': entry(
      chain('SGX-PCK-CRL-Issuer-Chain', endorsements.pck_crl_issuer_chain),
      endorsements.pck_crl,
      'hex',
    ),
    '/sgx/certification/v4/rootcacrl': entry({}, endorsements.root_ca_crl),
    '/tdx/certification/v4/tcb': entry(
      { ...JSON_TYPE, ...chain('TCB-Info-Issuer-Chain', endorsements.tcb_info_issuer_chain) },
      signed('tcbInfo', endorsements.tcb_info, endorsements.tcb_info_signature),
    ),
    '/tdx/certification/v4/qe/identity': entry(
      { ...JSON_TYPE, ...chain('SGX-Enclave-Identity-Issuer-Chain', endorsements.qe_identity_issuer_chain) },
      signed('enclaveIdentity', endorsements.qe_identity, endorsements.qe_identity_signature),
    ),
  }
}
