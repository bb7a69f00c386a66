import type { DevelopmentRoot } from '@cloister/development/root'
import type { Documents } from './collateral.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

/**
 * What Intel's PCS (API v4) says of real machines, about platforms of the development root: revocation
 * lists, TCB info, the quoting enclave's identity; and the key set of its GPU tokens. Signed now.
 */
export async function signDocuments(root: DevelopmentRoot): Promise<Documents> {
  const collateral = await root.collateral()
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
      chain('SGX-PCK-CRL-Issuer-Chain', collateral.pck_crl_issuer_chain),
      collateral.pck_crl,
      'hex',
    ),
    '/sgx/certification/v4/rootcacrl': entry({}, collateral.root_ca_crl),
    '/tdx/certification/v4/tcb': entry(
      { ...JSON_TYPE, ...chain('TCB-Info-Issuer-Chain', collateral.tcb_info_issuer_chain) },
      signed('tcbInfo', collateral.tcb_info, collateral.tcb_info_signature),
    ),
    '/tdx/certification/v4/qe/identity': entry(
      { ...JSON_TYPE, ...chain('SGX-Enclave-Identity-Issuer-Chain', collateral.qe_identity_issuer_chain) },
      signed('enclaveIdentity', collateral.qe_identity, collateral.qe_identity_signature),
    ),
  }
}
