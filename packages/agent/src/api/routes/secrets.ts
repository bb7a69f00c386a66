import { Envelope } from '@cloister/secrets'
import { handOver } from '../hand-over.ts'

export const secretsRoute = handOver(
  '/v1/leases/{id}/secrets',
  'Hand over sealed secrets, before the manifest that takes them; or new ones for what runs',
  Envelope,
  (supervisor, lease, envelope) => supervisor.acceptSecrets(lease, envelope),
)
