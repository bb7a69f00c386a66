import type { Network } from '@cloister/chain'
import type { Send } from '@cloister/transport/web'

/** How an endpoint is reached. Nobody on the way is believed: what comes back has to prove itself. */
export interface Way {
  /** Base address of whoever passes requests on: a gateway, or the lease's own address. */
  url: string
  send: Send
}

/** The way through the network's gateway. */
export function wayThroughGateway(
  { gatewayUrl }: Pick<Network, 'gatewayUrl'>,
  // Browsers let nobody call `fetch` as a method of something else.
  send: Send = (url, init) => fetch(url, init),
): Way {
  return { url: gatewayUrl, send }
}

/** Where a path is to be had. */
export function urlOn({ url }: Way, path: string): string {
  return `${url.replace(/\/+$/, '')}${path}`
}
