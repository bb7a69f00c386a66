import { checkRequest } from '@cloister/core'
import { ChainRead } from '@cloister/workload/wire'
import { bodyOf, type Route } from '../route.ts'

/** Reads of the chain, of those methods that only read. */
export const rpcRoute: Route = {
  add: (app, { chain }) => {
    app.post('/v1/rpc', async (context) =>
      context.json(
        (await chain.client.request(checkRequest(ChainRead, await bodyOf(context)) as never)) ?? null,
      ),
    )
  },
}
