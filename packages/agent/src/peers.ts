import { CloisterError, WorkerRecord } from '@cloister/core'
import { connectPinned, DialAgent, fetchOver } from '@cloister/relay'
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
  const response = await fetch(`${indexerUrl}/v1/workers/${worker}`, { signal: AbortSignal.timeout(ANSWER_MS), redirect: 'error' })
  if (!response.ok) throw new CloisterError('not-found', `The index knows no worker ${worker}.`)
  return WorkerRecord.parse(await response.json())
}

/**
 * Asks another worker, over `https:` the key alone that it attested. Throws `not-attested`, or `too-large` for an answer that
 * is.
 */
export async function askWorker({ endpoint, tlsKeyHash }: WorkerRecord, request: PeerRequest): Promise<{ status: number; text: string }> {
  const url = new URL(request.path, endpoint)
  const init = {
    method: request.method,
    headers: { ...request.headers, ...(request.body !== undefined && { 'content-type': 'application/json' }) },
    ...(request.body !== undefined && { body: request.body }),
    redirect: 'error' as const,
    signal: AbortSignal.timeout(ANSWER_MS),
  }
  if (url.protocol !== 'https:') return answerOf(await fetch(url, init))
  if (tlsKeyHash === undefined) throw new CloisterError('not-attested', `The worker at ${endpoint} has attested no TLS key.`)
  const agent = new DialAgent(() => connectPinned({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 443) }, tlsKeyHash))
  try {
    return await answerOf(await fetchOver(agent, url.host, url.href, init))
  } finally {
    agent.destroy()
  }
}

async function answerOf(response: Response): Promise<{ status: number; text: string }> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw new CloisterError('too-large', `An answer has at most ${MAX_ANSWER_BYTES} bytes.`)
    chunks.push(chunk)
  }
  return { status: response.status, text: Buffer.concat(chunks).toString('utf8') }
}
