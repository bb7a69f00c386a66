import { issueTlsCertificate } from '@cloister/attest/node/tls'
import type { Attestor } from '../attestation.ts'

/**
 * What the worker's interface is served with over TLS: its attested key, and a certificate that carries the
 * evidence.
 */
export interface ServerIdentity {
  key: string
  cert: string
}

/**
 * A new certificate for the worker's key, with the evidence last handed in. `endpoint`: what tenants call it
 * by.
 */
export async function serverIdentity(
  attestor: Attestor,
  key: string,
  endpoint: string,
): Promise<ServerIdentity> {
  const { latest } = attestor
  const host = new URL(endpoint).hostname.replace(/^\[|\]$/g, '')
  return {
    key,
    cert: await issueTlsCertificate(key, {
      host,
      name: 'Cloister worker',
      quote: latest?.quote,
      eventLog: latest?.eventLog,
    }),
  }
}
