import type { Address, Hex } from 'viem'
import type { Chain } from '../../client.ts'
import { chainError } from '../../errors/chain-error.ts'
import { MARKET_ABI, RECEIPTS_ABI, VOUCHERS_ABI, WORKERS_ABI } from '../../generated/abis.ts'
import { getLease } from '../leases/lease.ts'
import { vouchersContract } from './contracts.ts'
import { getKey, type SessionKey } from './keys.ts'

/** A stretch of time in which a worker was covered without a gap. Unix seconds, both ends included. */
export interface CoveredSpan {
  start: number
  until: number
}

/** A manifest that a lease was to run, and from when on, Unix seconds. */
export interface ManifestSince {
  manifestHash: Hex
  since: number
}

/** What a lease offered, as it was announced. Prices in base units for a million tokens. */
export interface OfferAnnounced {
  id: Hex
  lease: Hex
  token: Address
  payee: Address
  input: bigint
  cached: bigint
  output: bigint
  model: string
  /** JSON; see `EndpointOptions` of services/inference. */
  options: string
}

/** When a worker was covered, the earliest first, by the events of the chain. Throws `chain-unreachable`. */
export async function getCoverageHistory(
  { client, network }: Chain,
  worker: Address,
): Promise<CoveredSpan[]> {
  const events = await client
    .getContractEvents({
      address: network.contracts.workers,
      abi: WORKERS_ABI,
      args: { worker },
      fromBlock: BigInt(network.deployedAt),
    })
    .catch((error) => Promise.reject(chainError('reading a worker’s coverage', error)))
  const spans: CoveredSpan[] = []
  for (const event of events) {
    const last = spans.at(-1)
    if (event.eventName === 'Covered') {
      const [start, until] = [Number(event.args.start), Number(event.args.until)]
      if (last?.start === start) last.until = until
      else spans.push({ start, until })
    } else if (event.eventName === 'CoverageEnded' && last) last.until = Number(event.args.until)
  }
  return spans
}

/** The manifests that a lease was to run, the earliest first. Throws `chain-unreachable`. */
export async function getManifestHistory({ client, network }: Chain, lease: Hex): Promise<ManifestSince[]> {
  const events = await client
    .getContractEvents({
      address: network.contracts.market,
      abi: MARKET_ABI,
      args: { id: lease },
      fromBlock: BigInt(network.deployedAt),
    })
    .catch((error) => Promise.reject(chainError('reading what a lease ran', error)))
  return Promise.all(
    events.flatMap((event) =>
      (event.eventName === 'LeaseOpened' ||
        event.eventName === 'LeaseUpdated' ||
        event.eventName === 'LeaseResized') &&
      event.args.manifestHash !== undefined
        ? [since(client, event.blockNumber, event.args.manifestHash)]
        : [],
    ),
  )
}

/** All that a lease, or several, ever offered, the earliest first; none where the network has no models. */
export async function getOffersOf(chain: Chain, lease: Hex | Hex[]): Promise<OfferAnnounced[]> {
  return announced(await offerEvents(chain, { lease }))
}

/** The offers that stand, of leases that are open. */
export async function getStandingOffers(chain: Chain): Promise<OfferAnnounced[]> {
  const events = await offerEvents(chain, {})
  const ended = new Set(
    events.flatMap((event) => (event.eventName === 'OfferEnded' && event.args.id ? [event.args.id] : [])),
  )
  const standing = announced(events).filter(({ id }) => !ended.has(id))
  const leases = await Promise.all(standing.map(({ lease }) => getLease(chain, lease)))
  return standing.filter((_, at) => leases[at]?.state === 'open')
}

/** The session keys that a payer ever registered, as they are now. */
export async function getKeysOf(chain: Chain, payer: Address): Promise<SessionKey[]> {
  const { client, network } = chain
  const events = await client
    .getContractEvents({
      ...vouchersContract(chain),
      eventName: 'KeySet',
      args: { payer },
      fromBlock: BigInt(network.deployedAt),
    })
    .catch((error) => Promise.reject(chainError('reading an account’s API keys', error)))
  const keys = new Set(events.flatMap(({ args: { key } }) => (key ? [key] : [])))
  const found = await Promise.all([...keys].map((key) => getKey(chain, key)))
  return found.filter((key) => key !== undefined)
}

function offerEvents({ client, network }: Chain, args: { lease?: Hex | Hex[] }) {
  const address = network.contracts.vouchers
  if (!address) return Promise.resolve([])
  return client
    .getContractEvents({ address, abi: VOUCHERS_ABI, args, fromBlock: BigInt(network.deployedAt) })
    .catch((error) => Promise.reject(chainError('reading offers', error)))
}

function announced(events: Awaited<ReturnType<typeof offerEvents>>): OfferAnnounced[] {
  return events.flatMap((event) => {
    if (event.eventName !== 'Offered') return []
    const { id, lease, terms, model, options } = event.args
    return id && lease && terms && model !== undefined && options !== undefined
      ? [{ id, lease, ...terms, model, options }]
      : []
  })
}

async function since(
  client: Chain['client'],
  blockNumber: bigint,
  manifestHash: Hex,
): Promise<ManifestSince> {
  const { timestamp } = await client.getBlock({ blockNumber })
  return { manifestHash, since: Number(timestamp) }
}

/** The Merkle root of a batch of receipts that is on chain; undefined where there is no such batch. */
export async function findAnchoredRoot(
  { client, network }: Chain,
  { lease, era, index }: { lease: Hex; era: bigint; index: number },
): Promise<Hex | undefined> {
  const address = network.contracts.receipts
  if (!address) return undefined
  const contract = { address, abi: RECEIPTS_ABI } as const
  try {
    const count = await client.readContract({ ...contract, functionName: 'batchCount', args: [lease, era] })
    if (BigInt(index) >= count) return undefined
    return await client.readContract({
      ...contract,
      functionName: 'rootOf',
      args: [lease, era, BigInt(index)],
    })
  } catch (error) {
    throw chainError('reading anchored receipts', error)
  }
}
