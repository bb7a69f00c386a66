import { hkdfSync } from 'node:crypto'
import { type Chain, getLease, signConsent, signReceipt } from '@cloister/chain'
import { callService, IndexClient, workerOfRecord } from '@cloister/client'
import {
  bytes32,
  CloisterError,
  checkRequest,
  messageOf,
  problemResponse,
  receiptToJson,
} from '@cloister/core'
import {
  ChainRead,
  type LeaseAnswer,
  LeaseCall,
  MAX_BODY_BYTES,
  ReceiptRequest,
  type SealingKey,
  type Self,
  workloadFreshness,
} from '@cloister/workload/wire'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Hex, LocalAccount } from 'viem'
import type { WorkerProver } from '../evidence/prover.ts'
import type { Log } from '../log.ts'
import type { ReceiptNumbers } from '../receipts/receipt-numbers.ts'
import type { AgentHandler } from './agent-sockets.ts'

/**
 * Requests of one manifest that are answered at once: each may have hardware make a quote, or another worker
 * asked.
 */
const MAX_AT_ONCE = 8
/** Seconds in which a seat may be taken by a consent. */
const CONSENT_SECONDS = 600
interface AgentApiParts {
  chain: Chain
  /** The worker's. */
  key: LocalAccount
  /** The seat of the key service that the provider lets instances here have. */
  keySeat: number | undefined
  prover: Pick<WorkerProver, 'prove'>
  receipts: Pick<ReceiptNumbers, 'era' | 'next'>
  /** The worker's own secret, 32 bytes. */
  sealingSecret: Uint8Array
  log: Log
}

/**
 * What the agent answers on its socket in a container: who the container is, quotes over data of its own, a
 * key to seal with, receipts, reads of the chain, and the way to services of other leases.
 */
export function agentApi({
  chain,
  key,
  keySeat,
  prover,
  receipts,
  sealingSecret,
  log,
}: AgentApiParts): AgentHandler {
  return (lease: Hex, manifestHash: Hex) => {
    const app = new Hono()
    let busy = 0
    app.use(
      '*',
      bodyLimit({
        maxSize: MAX_BODY_BYTES,
        onError: () =>
          problemResponse(new CloisterError('too-large', `A body has at most ${MAX_BODY_BYTES} bytes.`)),
      }),
    )
    app.use('*', async (_, next) => {
      if (busy >= MAX_AT_ONCE)
        return problemResponse(
          new CloisterError(
            'too-busy',
            'The agent answers as many requests as it can; ask again in a moment.',
          ),
        )
      busy++
      try {
        return await next()
      } finally {
        busy--
      }
    })
    app.onError((error) => {
      if (!(error instanceof CloisterError))
        log('error', 'a container’s request failed', { lease, error: messageOf(error) })
      return problemResponse(error)
    })
    app.notFound(() => problemResponse(new CloisterError('not-found', 'There is nothing here.')))
    // The way to the node may have a password in it; reads go through `/v1/rpc`.
    const network = { ...chain.network, rpcUrl: 'http://rpc.invalid' }
    app.get('/v1/self', (context) =>
      context.json({ lease, manifestHash, worker: key.address, network } satisfies Self),
    )
    app.get('/v1/sealing-key', (context) => {
      const info = Buffer.from(`cloister sealing key ${lease} ${manifestHash}`)
      return context.json({
        key: Buffer.from(hkdfSync('sha256', sealingSecret, new Uint8Array(), info, 32)).toString('base64'),
      } satisfies SealingKey)
    })
    app.get('/v1/quote', async (context) => {
      const data = checkRequest(bytes32, context.req.query('data'))
      return context.json(await prover.prove(workloadFreshness(lease, manifestHash, data)))
    })
    app.get('/v1/seat-consent', async (context) => {
      if (keySeat === undefined)
        throw new CloisterError(
          'forbidden',
          'This worker’s provider lets no instance of the key service have a seat.',
          {
            hint: 'It names one under `keySeat` in its configuration.',
          },
        )
      // Whatever runs may ask: what it is, is signed along, and the contract knows what it has to be.
      const { timestamp } = await chain.client.getBlock()
      const expiry = Number(timestamp) + CONSENT_SECONDS
      return context.json(
        await signConsent(chain.network, key, { seat: keySeat, lease, manifestHash, expiry }),
      )
    })
    app.post('/v1/receipts', async (context) => {
      const { content } = checkRequest(ReceiptRequest, await bodyOf(context))
      // Numbered for good before it is signed: no number is ever signed twice.
      const numbered = { era: receipts.era, sequence: receipts.next(lease) }
      const receipt = { worker: key.address, lease, ...numbered, content }
      return context.json(receiptToJson(await signReceipt(chain.network, key, receipt)))
    })
    app.post('/v1/rpc', async (context) =>
      context.json(
        (await chain.client.request(checkRequest(ChainRead, await bodyOf(context)) as never)) ?? null,
      ),
    )
    app.post('/v1/call', async (context) => {
      const call = checkRequest(LeaseCall, await bodyOf(context))
      const target = await getLease(chain, call.lease)
      if (target.state !== 'open') throw new CloisterError('not-found', 'There is no such open lease.')
      const { network } = chain
      const record = await new IndexClient(network.indexerUrl).worker(target.worker)
      const { status, text } = await callService(workerOfRecord(network, record), call.lease, call)
      return context.json({ status, body: text } satisfies LeaseAnswer)
    })
    return (request) => app.fetch(request)
  }
}

async function bodyOf(context: Context): Promise<unknown> {
  return context.req.json().catch((cause) => {
    throw new CloisterError('bad-request', 'The body is not JSON.', { cause })
  })
}
