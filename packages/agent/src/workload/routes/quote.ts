import { bytes32, checkRequest } from '@cloister/core'
import { workloadFreshness } from '@cloister/workload/wire'
import type { Route } from '../route.ts'

/** Evidence of the worker's hardware over a number of the container's own. */
export const quoteRoute: Route = {
  add: (app, { prover }, { lease, manifestHash }) => {
    app.get('/v1/quote', async (context) => {
      const data = checkRequest(bytes32, context.req.query('data'))
      return context.json(await prover.prove(workloadFreshness(lease, manifestHash, data)))
    })
  },
}
