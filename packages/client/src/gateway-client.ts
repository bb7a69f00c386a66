import { GatewayRoute } from '@cloister/core'
import type { Send } from '@cloister/transport/web'
import type { Hex } from 'viem'
import * as z from 'zod'
import { fetchJson } from './ask.ts'

/** Asks a gateway what it says of itself. */
export class GatewayClient {
  private readonly url: string
  private readonly send: Send | undefined

  /** `send`: how to reach it, if another way than the global `fetch`. */
  constructor(url: string, send?: Send) {
    this.url = url.replace(/\/$/, '')
    this.send = send
  }

  /** The public addresses of an open lease. */
  routes(lease: Hex): Promise<GatewayRoute[]> {
    return fetchJson('The gateway', `${this.url}/v1/routes/${lease}`, z.array(GatewayRoute), {
      ...(this.send && { send: this.send }),
    })
  }
}
