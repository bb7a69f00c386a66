import { CloisterError, VerdictReport, VerdictRequest } from '@cloister/core'
import { body, json, problem, route } from '../route.ts'

export const verdictRoute = route(
  {
    method: 'post',
    path: '/v1/verdicts',
    summary:
      'Check evidence that no contract can, about a worker of another provider, and sign what was found',
    request: { body: body(VerdictRequest) },
    responses: {
      200: json(VerdictReport, 'A verdict that counts on chain with others.'),
      403: problem,
      404: problem,
      422: problem,
    },
  },
  async (context, worker) => {
    if (!worker.verifier)
      throw new CloisterError('not-found', 'This worker does not check evidence for others.')
    return context.json(await worker.verifier.judge(context.req.valid('json')), 200)
  },
)
