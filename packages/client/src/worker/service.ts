import { ROUTE_HEADER } from '@cloister/core'
import type { Hex } from 'viem'
import type * as z from 'zod'
import { type Answer, fetchText, jsonOf } from '../ask.ts'
import type { WorkerClient } from './client.ts'

const ANSWER_MS = 20_000

/** What is asked of a service of a lease. */
export interface ServiceRequest {
  method?: 'GET' | 'POST'
  path: string
  /** JSON. */
  body?: string | undefined
  signal?: AbortSignal
}

/**
 * Asks a service of a lease through its worker; an answer of any status. Nobody on the way is to be believed
 * but for what the worker's attested key vouches for. Throws `not-attested`, `forbidden-address`,
 * `unreachable` or `bad-answer`.
 */
export function callService(
  { connection }: WorkerClient,
  lease: Hex,
  { method = 'GET', path, body, signal = AbortSignal.timeout(ANSWER_MS) }: ServiceRequest,
): Promise<Answer> {
  const headers = {
    [ROUTE_HEADER]: `${lease}/`,
    ...(body !== undefined && { 'content-type': 'application/json' }),
  }
  const init = { method, headers, signal, ...(body !== undefined && { body }) }
  return fetchText('The worker', connection.urlOf(path), { ...init, send: connection.send })
}

/** The same for JSON of a known shape. Throws what the service's problem document says besides. */
export async function askService<T extends z.ZodType>(
  who: string,
  worker: WorkerClient,
  lease: Hex,
  request: ServiceRequest,
  schema: T,
): Promise<z.infer<T>> {
  return jsonOf(who, await callService(worker, lease, request), schema)
}
