import { AppPolicyRecord, bytes32, CloisterError } from '@cloister/core'
import { route } from '../../../api/route.ts'
import { findApp } from '../queries.ts'

export const oneApp = route(
  {
    path: '/v1/apps/{app}',
    summary: 'One app with its policy',
    params: { app: bytes32 },
    answer: AppPolicyRecord,
    description: 'The app.',
    problems: [404],
  },
  async ({ params }, { database, now }) => {
    const found = await findApp(database, params.app, now())
    if (found) return found
    throw new CloisterError('not-found', 'There is no such app.')
  },
)
