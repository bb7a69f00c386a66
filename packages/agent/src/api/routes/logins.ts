import { RegistryLogins } from '@cloister/core'
import { handOver } from '../hand-over.ts'

export const loginsRoute = handOver(
  '/v1/leases/{id}/logins',
  'Hand over logins at registries, before the manifest whose images are there',
  RegistryLogins,
  (supervisor, lease, { logins }) => supervisor.acceptLogins(lease, logins),
)
