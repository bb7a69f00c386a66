import * as z from 'zod'
import { bytes32, hexBytes } from '../shapes.ts'

const text = z.string().max(1_024)
const time = z.number().describe('Unix milliseconds')

/** A domain of a lease, as its worker has it. */
export const DomainReport = z.object({
  domain: z.string().max(255),
  service: text,
  port: z.int(),
  /** `http`: TLS ends in the worker. `tcp`: it ends in the container, and the worker has no certificate. */
  protocol: z.enum(['http', 'tcp']),
  /**
   * What DNS says of whose it is: it names this lease or its tenant, there is no record, there is one that
   * names others, or nobody answered.
   */
  claim: z.enum(['found', 'missing', 'other', 'unknown']),
  certificate: z
    .object({
      /** SHA-256 of the SubjectPublicKeyInfo of its key, which was made in the worker. */
      keyHash: bytes32,
      /** SHA-256 of the certificate. */
      fingerprint: bytes32,
      issuer: text,
      /** On development networks: no authority stands behind it. */
      isSelfSigned: z.boolean(),
      notBefore: time,
      notAfter: time,
    })
    .optional(),
  /** What went wrong last, until it goes right. */
  failure: z.object({ time, message: text }).optional(),
  /** When the worker looks again. */
  nextTry: time.optional(),
})
export type DomainReport = z.infer<typeof DomainReport>

/** From when on it is a cause for alarm that a certificate isn't renewed: a sixth of its life is left. */
export function certificateAlarmAt({ notBefore, notAfter }: { notBefore: number; notAfter: number }): number {
  return notAfter - (notAfter - notBefore) / 6
}

/** `GET /v1/leases/{id}/domains`: a lease's domains, and the worker's signature over `domainKeysDigest`. */
export const DomainsReport = z.object({
  lease: bytes32,
  domains: z.array(DomainReport).max(1_024),
  /** Its tenant has given access to DNS, so that wildcards of HTTP ports can have certificates. */
  hasDnsAccess: z.boolean().default(false),
  /** The worker's account with its authority, for CAA records (RFC 8657). */
  account: z.string().max(2_048).optional(),
  /** How CAA records call that authority (RFC 8659). */
  authority: z.string().max(255).optional(),
  /** Unix seconds. */
  instant: z.int(),
  signature: hexBytes,
})
export type DomainsReport = z.infer<typeof DomainsReport>
