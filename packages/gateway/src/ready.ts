import { X509Certificate } from 'node:crypto'
import { IndexClient } from '@cloister/client'
import type { Reason } from '@cloister/operations'

const ANSWER_MS = 3_000
/** Blocks that the index may be behind the chain before leases that were opened just now are missed. */
const BEHIND_BLOCKS = 30

/** Says why a gateway can't lead to leases just now. `certificate`: PEM, where it speaks TLS. */
export function gatewayReasons(
  indexerUrl: string,
  certificate: string | Buffer | undefined,
): () => Promise<Reason[]> {
  const index = new IndexClient(indexerUrl, { answerMs: ANSWER_MS })
  const expiry = certificate && new X509Certificate(certificate).validToDate.getTime()
  return async () => [...(await indexReasons(index)), ...certificateReasons(expiry)]
}

async function indexReasons(index: IndexClient): Promise<Reason[]> {
  try {
    const { block, head } = await index.status()
    if (head - block <= BEHIND_BLOCKS) return []
    return [{ code: 'index-behind', message: `The index is ${head - block} blocks behind the chain.` }]
  } catch {
    return [{ code: 'index-unreachable', message: 'The index does not answer.' }]
  }
}

function certificateReasons(expiry: number | '' | undefined): Reason[] {
  if (!expiry || Date.now() < expiry) return []
  return [{ code: 'certificate-expired', message: 'The certificate has ended; get a new one.' }]
}
