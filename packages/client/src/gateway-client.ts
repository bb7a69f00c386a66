import { GatewayRoute } from '@cloister/core'
import type { Send } from '@cloister/transport/web'
import * as z from 'zod'
import { statusAt } from '#front'
import { fetchJson } from './ask.ts'

/** What a gateway answers with where it can't lead to a service. */
const NOT_LED = new Set([502, 503, 504])

/** Asks a gateway what it says of itself. */
export class GatewayClient {
  private readonly url: string
  private readonly send: Send

  /** `send`: how to reach it, if another way than the global `fetch`. */
  constructor(url: string, send: Send = (url, init) => fetch(url, init)) {
    this.url = url.replace(/\/$/, '')
    this.send = send
  }

  /** The public addresses of an open lease; of a group, by its name, the one that leads to all of it. */
  routes(lease: string): Promise<GatewayRoute[]> {
    const { send } = this
    return fetchJson('The gateway', `${this.url}/v1/routes/${lease}`, z.array(GatewayRoute), { send })
  }

  /**
   * Whether a service answers at an address of the gateway's: not where the gateway says in its own name
   * that it doesn't lead there. Throws what `fetch` throws where nobody answers at all.
   */
  async leadsTo({ loopbackUrl, url }: GatewayRoute, signal: AbortSignal): Promise<boolean> {
    const status = await statusAt(loopbackUrl ?? url, this.send, signal)
    return status === undefined || !NOT_LED.has(status)
  }
}
