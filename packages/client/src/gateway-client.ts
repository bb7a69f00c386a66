import { GatewayRoute } from '@cloister/core'
import type { Hex } from 'viem'
import * as z from 'zod'
import { fetchJson } from './ask.ts'

/** Asks a gateway what it says of itself. */
export class GatewayClient {
  private readonly url: string

  constructor(url: string) {
    this.url = url.replace(/\/$/, '')
  }

  /** The public addresses of an open lease. */
  routes(lease: Hex): Promise<GatewayRoute[]> {
    return fetchJson('The gateway', `${this.url}/v1/routes/${lease}`, z.array(GatewayRoute))
  }
}
