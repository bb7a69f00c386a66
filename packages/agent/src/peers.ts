import type { Network } from '@cloister/chain'
import { CloisterError, findCause, WorkerRecord } from '@cloister/core'
import { DialAgent, dialChecked, fetchOver, securePinned } from '@cloister/transport'
import type { Address } from 'viem'

const ANSWER_MS = 20_000
const MAX_ANSWER_BYTES = 4 * 1024 * 1024

/** A request to another worker's interface. */
export interface PeerRequest {
  method: 'GET' | 'POST'
  path: string
  /** JSON. */
  body?: string
  headers?: Record<string, string>
}

/** Another worker, as the index has it: nothing that it says is believed for that. Throws `not-found`. */
export async function findWorkerRecord(indexerUrl: string, worker: Address): Promise<WorkerRecord> {
  const response = await fetch(`${indexerUrl}/v1/workers/${worker}`, {
    signal: AbortSignal.timeout(ANSWER_MS),
    redirect: 'error',
  })
  if (!response.ok) throw new CloisterError('not-found', `The index knows no worker ${worker}.`)
  return WorkerRecord.parse(await response.json())
}

/**
 * Asks another worker, over `https:` the key alone that it attested. Its provider named the address, so it
 * is asked inside private networks on a development network only, and nowhere but there. Throws
 * `not-attested`, `forbidden-address`, `unreachable`, or `too-large` for an answer that is.
 */
export async function askWorker(
  { development }: Pick<Network, 'development'>,
  { endpoint, tlsKeyHash }: Pick<WorkerRecord, 'endpoint' | 'tlsKeyHash'>,
  request: PeerRequest,
): Promise<{ status: number; text: string }> {
  if (!URL.canParse(request.path, endpoint))
    throw new CloisterError('forbidden-address', 'The worker has no address that can be asked.')
  const url = new URL(request.path, endpoint)
  // A path can't lead elsewhere: `//host/…` would.
  if (url.origin !== new URL(endpoint).origin)
    throw new CloisterError('bad-request', 'The path leads away from the worker.')
  if (url.protocol === 'https:' && tlsKeyHash === undefined)
    throw new CloisterError('not-attested', `The worker at ${endpoint} has attested no TLS key.`)
  const secure = tlsKeyHash === undefined ? undefined : securePinned(tlsKeyHash)
  const agent = new DialAgent(() => dialChecked(new URL(endpoint), { allowsInternal: development }, secure))
  try {
    const init = {
      method: request.method,
      headers: {
        ...request.headers,
        ...(request.body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(request.body !== undefined && { body: request.body }),
      signal: AbortSignal.timeout(ANSWER_MS),
    }
    return await answerOf(await fetchOver(agent, url.host, url.href, init))
  } catch (error) {
    const ours = findCause(error, CloisterError)
    throw (
      ours ??
      new CloisterError('unreachable', `The worker at ${url.origin} does not answer.`, { cause: error })
    )
  } finally {
    agent.destroy()
  }
}

async function answerOf(response: Response): Promise<{ status: number; text: string }> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES)
      throw new CloisterError('too-large', `An answer has at most ${MAX_ANSWER_BYTES} bytes.`)
    chunks.push(chunk)
  }
  return { status: response.status, text: Buffer.concat(chunks).toString('utf8') }
}
