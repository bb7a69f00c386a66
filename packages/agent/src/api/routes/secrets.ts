import { CloisterError } from '@cloister/core'
import { Envelope } from '@cloister/secrets'
import { handOver } from '../hand-over.ts'
import { json, params, problem, requireTenant, route, security } from '../route.ts'

export const secretsRoute = handOver(
  '/v1/leases/{id}/secrets',
  'Hand over sealed secrets, before the manifest that takes them; or new ones for what runs',
  Envelope,
  (supervisor, lease, envelope) => supervisor.acceptSecrets(lease, envelope),
)

/** Sealed as they came: whoever adds to them says which of them stay. */
export const handedSecretsRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/secrets',
    summary: 'The sealed secrets that were handed over last, sealed as they are',
    security,
    request: { params },
    responses: { 200: json(Envelope, 'The sealed secrets.'), 401: problem, 404: problem },
  },
  async (context, worker) => {
    const { envelope } = await requireTenant(context, worker, context.req.valid('param').id)
    if (!envelope) throw new CloisterError('not-found', 'No sealed secrets were handed over.')
    return context.json(envelope, 200)
  },
)
