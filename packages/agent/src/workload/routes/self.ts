import type { Self } from '@cloister/workload/wire'
import type { Route } from '../route.ts'

/** Who the container is, and on which network. */
export const selfRoute: Route = {
  add: (app, { chain, key }, { lease, manifestHash }) => {
    // The way to the node may have a password in it; reads go through `/v1/rpc`.
    const network = { ...chain.network, rpcUrl: 'http://rpc.invalid' }
    app.get('/v1/self', (context) =>
      context.json({ lease, manifestHash, worker: key.address, network } satisfies Self),
    )
  },
}
