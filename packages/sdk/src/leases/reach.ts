import { GatewayClient } from '@cloister/client'
import { CloisterError, type GatewayRoute, GrowingPause, type Manifest, messageOf } from '@cloister/core'
import type { Cloister } from '../cloister.ts'

const ADDRESS_MS = 30_000

/** Resolves when the gateway leads to a lease, or to a group by its name. TCP ports are not tried. */
export async function untilReached(
  cloister: Cloister,
  key: string,
  manifest: Manifest,
): Promise<GatewayRoute[]> {
  const isPublic = Object.values(manifest.services).some((service) =>
    service.expose.some((port) => port.global),
  )
  if (!isPublic) return []
  const gateway = new GatewayClient(cloister.network.gatewayUrl, cloister.send)
  const until = Date.now() + ADDRESS_MS
  const pauses = new GrowingPause({ firstMs: 25, longestMs: 500, factor: 1.3 })
  for (;;) {
    try {
      const routes = await gateway.routes(key)
      const front = routes.find((route) => route.protocol === 'http')
      if (!front) return routes
      if (await gateway.leadsTo(front, AbortSignal.timeout(5_000))) return routes
    } catch (error) {
      if (Date.now() > until)
        throw new CloisterError(
          'unreachable',
          `It runs, but the gateway does not lead to it: ${messageOf(error)}`,
          { cause: error },
        )
    }
    if (Date.now() > until) return gateway.routes(key)
    await pauses.wait()
  }
}
