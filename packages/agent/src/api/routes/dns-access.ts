import { DnsAccessChange } from '@cloister/core'
import { handOver } from '../hand-over.ts'

export const dnsAccessRoute = handOver(
  '/v1/leases/{id}/dns',
  'Say how DNS is changed for certificates of the domains of a lease',
  DnsAccessChange,
  (supervisor, lease, { access }) => supervisor.acceptDnsAccess(lease, access),
)
