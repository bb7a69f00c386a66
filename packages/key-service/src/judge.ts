import { type Chain, composeBundle, trustRootOf } from '@cloister/chain'
import { CloisterError, defaultPolicy } from '@cloister/core'
import { purposeTypedData, type WorkerEvidence } from '@cloister/secrets'
import { verifyBundle } from '@cloister/verify'
import { type Address, type Hex, recoverTypedDataAddress } from 'viem'

/** A worker whose evidence holds. */
export interface JudgedWorker {
  worker: Address
  /** The guest image's name on chain. */
  image: Hex
}

/**
 * Judges a worker by fresh evidence and by what the chain says of it now: genuine under the network's root,
 * TCB as a tenant would demand, a guest image that may earn, covered. `freshness`: what the quote has to
 * hold. Throws `not-attested` with why.
 */
export async function judge(
  chain: Chain,
  { worker, signature, kind, tlsKeyHash, quote, eventLog, collateral }: WorkerEvidence,
  freshness: Hex,
): Promise<JudgedWorker> {
  const { network } = chain
  // Anybody may have a worker quote a number; that it means this, its key says.
  const signer = await recoverTypedDataAddress({
    ...purposeTypedData(freshness, network.chainId),
    signature,
  }).catch(() => undefined)
  if (signer !== worker)
    throw new CloisterError('not-attested', 'The worker’s key did not sign what the evidence is for.')
  const bundle = await composeBundle(chain, {
    worker,
    endpoint: '',
    kind,
    quote: new Uint8Array(Buffer.from(quote, 'base64')),
    eventLog,
    tlsKeyHash,
    freshness: { kind: 'nonce', nonce: freshness },
    collateral,
  })
  const { genuine, image, verdict, problems } = await verifyBundle(bundle, {
    root: trustRootOf(network),
    checkedOnChain: true,
  })
  if (!genuine || image === undefined)
    throw new CloisterError('not-attested', problems[0]?.message ?? 'The evidence is not genuine.')
  const { tcb } = defaultPolicy(network.development)
  // AMD and Amazon know no such status; for the guest images it lists, governance answers.
  if (kind === 'tdx' && (verdict.tcb === undefined || !(tcb as string[]).includes(verdict.tcb.status)))
    throw new CloisterError(
      'not-attested',
      `The machine's TCB status is ${verdict.tcb?.status ?? 'unknown'}; ${tcb.join(' or ')} is needed.`,
    )
  return { worker, image }
}
