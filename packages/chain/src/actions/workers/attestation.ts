import { type PlatformCertificates, platformCertificates, withoutCertificates } from '@cloister/attest'
import { workerBinding } from '@cloister/core'
import {
  type Abi,
  type Address,
  bytesToBigInt,
  bytesToHex,
  concat,
  encodeAbiParameters,
  type Hex,
  hexToBytes,
  keccak256,
} from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { ADMISSION_ABI, MARKET_ABI, PLATFORMS_ABI, WORKERS_ABI } from '../../generated/abis.ts'
import type { Network } from '../../network.ts'
import { send } from '../send.ts'

/** What a quote of a worker's is bound to, besides the worker itself. */
export interface AttestedWorker {
  provider: Address
  worker: Address
  /** SHA-256 of the SubjectPublicKeyInfo of its TLS key. */
  tlsKeyHash: Hex
}

/** A block that evidence is bound to. */
export interface FreshBlock {
  number: bigint
  hash: Hex
}

/** The 64 bytes of report data: the binding, and 32 bytes that make the quote fresh. */
export function reportDataOf(
  network: Pick<Network, 'chainId' | 'contracts'>,
  attested: AttestedWorker,
  freshness: Hex,
): Uint8Array {
  const binding = workerBinding({ chainId: network.chainId, workers: network.contracts.workers, ...attested })
  return hexToBytes(concat([binding, freshness]))
}

/** The newest block whose hash a call at the head of the chain can see. */
export async function freshBlock({ client }: Chain): Promise<FreshBlock> {
  const head = await client.getBlock()
  return { number: head.number - 1n, hash: head.parentHash }
}

/** The name a platform's PCK key has on chain. */
export function pckKeyOf({
  authorityKey,
  serial,
}: Pick<PlatformCertificates, 'authorityKey' | 'serial'>): Hex {
  return certificateOf(authorityKey, serial)
}

/** The name a certificate has on chain: by its issuer's key (x ‖ y) and its serial number. */
export function certificateOf(issuerKey: Uint8Array, serial: bigint): Hex {
  const words = [{ type: 'uint256' }, { type: 'uint256' }, { type: 'uint256' }] as const
  const [x, y] = [issuerKey.subarray(0, 32), issuerKey.subarray(32)].map((half) => bytesToBigInt(half))
  return keccak256(encodeAbiParameters(words, [x ?? 0n, y ?? 0n, serial]))
}

/**
 * Registers the platform that made a quote, unless the chain knows it. Anybody may. Throws `reverted` with
 * the contract's reason.
 */
export async function ensurePlatform(wallet: Wallet, quote: Uint8Array): Promise<Hex> {
  const certificates = platformCertificates(quote)
  const key = pckKeyOf(certificates)
  const { client, network } = wallet
  const address = network.contracts.platforms
  const known = await client.readContract({
    address,
    abi: PLATFORMS_ABI,
    functionName: 'pckKeyOf',
    args: [key],
  })
  if (BigInt(known.platform) !== 0n) return key
  const args = [bytesToHex(certificates.pck), bytesToHex(certificates.authority)] as const
  await send(wallet, { address, abi: PLATFORMS_ABI, functionName: 'registerPlatform', args })
  return key
}

/** SHA-256 of the TLS key that a worker last attested; zero if it never did. */
export function getTlsKeyHash({ client, network }: Chain, worker: Address): Promise<Hex> {
  const address = network.contracts.workers
  return client.readContract({ address, abi: WORKERS_ABI, functionName: 'tlsKeyHashOf', args: [worker] })
}

/**
 * Hands in a worker's quote, bound to `block`, and settles leases along with it, which saves a transaction:
 * a renewal that says nothing new, since the Market isn't the worker. Throws `reverted` with the contract's
 * reason.
 */
export function attestWorker(
  wallet: Wallet,
  evidence: { worker: Address; tlsKeyHash: Hex; pckKey: Hex; block: FreshBlock; quote: Uint8Array },
  settle: Hex[] = [],
) {
  const { worker, tlsKeyHash, pckKey, block, quote } = evidence
  const { workers, market } = wallet.network.contracts
  const args = [worker, pckKey, block.number, tlsKeyHash, bytesToHex(withoutCertificates(quote))] as const
  if (settle.length === 0)
    return send(wallet, { address: workers, abi: ATTEST_ABI, functionName: 'attest', args })
  return send(wallet, {
    address: market,
    abi: SETTLE_ABI,
    functionName: 'attestAndSettle',
    args: [...args, settle],
  })
}

/** Errors of the contracts behind come through. */
const ATTEST_ABI = [
  ...WORKERS_ABI,
  ...[...PLATFORMS_ABI, ...ADMISSION_ABI].filter(({ type }) => type === 'error'),
] as const satisfies Abi
const SETTLE_ABI = [
  ...MARKET_ABI,
  ...ATTEST_ABI.filter(({ type }) => type === 'error'),
] as const satisfies Abi

/** What governance lets guests of a measurement do: bit 1 earn, bit 2 sign verdicts. */
export function getRoles({ client, network }: Chain, measurement: Hex): Promise<number> {
  return client.readContract({
    address: network.contracts.admission,
    abi: ADMISSION_ABI,
    functionName: 'rolesOf',
    args: [measurement],
  })
}
