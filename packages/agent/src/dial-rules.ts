import { hostAddresses } from '@cloister/executors'
import type { DialRules } from '@cloister/transport'

/**
 * Where what tenants name may be, collectors and name servers: where containers may connect to, and on
 * development networks anywhere.
 */
export function rulesForTenants(isDevelopment: boolean): DialRules {
  return {
    allowsInternal: isDevelopment,
    refuses: (address) => hostAddresses().includes(address),
    timeoutMs: 10_000,
  }
}
