import { issueTlsCertificate } from '@cloister/attest/node/tls'
import type { Authority } from './authority.ts'

/** On development networks, where nobody certifies: certificates that a worker signs itself. */
export const SELF_SIGNED: Authority = {
  account: undefined,
  identity: undefined,
  certify: ({ key, domain }) => issueTlsCertificate(key, { host: domain }),
  renewalOf: async () => undefined,
}
