import {
  type GuestEndorsements,
  type PlatformCertificates,
  parseRevocationList,
  platformCertificates,
} from '@cloister/attest'
import {
  type Abi,
  bytesToHex,
  type Hex,
  hexToBytes,
  keccak256,
  parseEventLogs,
  slice,
  type TransactionReceipt,
  zeroHash,
} from 'viem'
import type { Wallet } from '../../client.ts'
import { PLATFORMS_ABI, REVOCATION_FUND_ABI } from '../../generated/abis.ts'
import { trustRootOf } from '../../network.ts'
import { send } from '../send.ts'
import { certificateOf } from './attestation.ts'

/** Entries of a list gone through in a transaction: some 9 million gas where all are new. */
const ENTRIES_AT_ONCE = 300
/** Bytes of a list that is sent as it is; a longer one is stored in pieces first (see RevocationFund.sol). */
const MAX_SENT_BYTES = 90_000
const PIECE_BYTES = 24_575

/** Somebody's revocation list. */
interface IssuedList {
  /** DER. */
  list: Uint8Array
  /** Certificate of the authority that signed it, DER; empty for the root's. */
  authority: Uint8Array
  /** The authority's name on chain; zero for the root. */
  issuer: Hex
}

/** What came of looking after the chain's revocation lists. */
export interface PostedLists {
  /** Certificates that nobody knew on chain to be revoked. */
  revoked: number
  /** Lists that were posted. */
  lists: number
  /** Wei that the fund paid back. */
  paidBack: bigint
}

/**
 * Sees to it that the chain has fresh revocation lists for the platform that made a quote, and knows all
 * that the vendor's newest lists, which are in the quote's `endorsements`, revoke. Anybody may; the fund pays
 * back what is of use. Throws `reverted` with the contract's reason.
 */
export async function ensureRevocations(
  wallet: Wallet,
  quote: Uint8Array,
  endorsements: GuestEndorsements,
): Promise<PostedLists> {
  const { root_ca_crl, pck_crl } =
    'root_ca_crl' in endorsements ? endorsements : { root_ca_crl: '', pck_crl: '' }
  const posted: PostedLists = { revoked: 0, lists: 0, paidBack: 0n }
  // The root's first: it may be an authority that is revoked.
  for (const issued of listsOf(wallet, platformCertificates(quote), root_ca_crl, pck_crl)) {
    if (!(await isWanted(wallet, issued))) continue
    const receipts = await postList(wallet, issued)
    const logs = receipts.flatMap((receipt) => receipt.logs)
    posted.lists++
    posted.revoked += parseEventLogs({
      abi: PLATFORMS_ABI,
      logs,
      eventName: 'CertificateRevocationPosted',
    }).length
    for (const { args } of parseEventLogs({ abi: REVOCATION_FUND_ABI, logs, eventName: 'PaidBack' }))
      posted.paidBack += args.amount
  }
  return posted
}

function listsOf(
  { network }: Wallet,
  { authority, authoritySerial }: PlatformCertificates,
  ofRoot: string,
  ofAuthority: string,
): IssuedList[] {
  const bytes = (hex: string) => hexToBytes(`0x${hex}`)
  const issuer = certificateOf(trustRootOf(network).certificate.publicKey.point, authoritySerial)
  return [
    { list: bytes(ofRoot), authority: new Uint8Array(), issuer: zeroHash },
    { list: bytes(ofAuthority), authority, issuer },
  ]
}

/** It revokes something new, or the one that the chain knows is about to run out. */
async function isWanted({ client, network }: Wallet, { list, issuer }: IssuedList): Promise<boolean> {
  const contract = { address: network.contracts.platforms, abi: PLATFORMS_ABI } as const
  const [known, due, { timestamp }] = await Promise.all([
    client.readContract({ ...contract, functionName: 'authorityOf', args: [issuer] }),
    client.readContract({ ...contract, functionName: 'LIST_DUE' }),
    client.getBlock(),
  ])
  const { thisUpdate, nextUpdate, entries } = parseRevocationList(list, 'The vendor’s revocation list')
  if (thisUpdate <= known.thisUpdate || BigInt(thisUpdate) > timestamp) return false
  const hasNew = slice(keccak256(entries), 0, 20) !== known.entries
  return hasNew || (BigInt(known.nextUpdate) < timestamp + due && nextUpdate > known.nextUpdate)
}

/** Posts a list, in as many transactions as it takes. */
async function postList(wallet: Wallet, { list, authority }: IssuedList): Promise<TransactionReceipt[]> {
  const { revoked } = parseRevocationList(list, 'The vendor’s revocation list')
  const call = { address: wallet.network.contracts.revocationFund, abi: FUND_ABI } as const
  const receipts: TransactionReceipt[] = []
  const rounds = Math.max(1, Math.ceil(revoked.size / ENTRIES_AT_ONCE))
  const rest = [bytesToHex(authority), BigInt(ENTRIES_AT_ONCE)] as const
  const pieces = list.length > MAX_SENT_BYTES ? await storePieces(wallet, list) : undefined
  for (let round = 0; round < rounds; round++)
    receipts.push(
      pieces
        ? await send(wallet, { ...call, functionName: 'postPieces', args: [pieces, ...rest] })
        : await send(wallet, { ...call, functionName: 'post', args: [bytesToHex(list), ...rest] }),
    )
  return receipts
}

async function storePieces(wallet: Wallet, list: Uint8Array): Promise<Hex[]> {
  const call = {
    address: wallet.network.contracts.revocationFund,
    abi: FUND_ABI,
    functionName: 'store',
  } as const
  const pieces: Hex[] = []
  for (let at = 0; at < list.length; at += PIECE_BYTES) {
    const args = [bytesToHex(list.subarray(at, at + PIECE_BYTES))] as const
    const { logs } = await send(wallet, { ...call, args })
    for (const { args } of parseEventLogs({ abi: REVOCATION_FUND_ABI, logs, eventName: 'PieceStored' }))
      pieces.push(args.piece)
  }
  return pieces
}

/** Errors of the contract behind come through. */
const FUND_ABI = [
  ...REVOCATION_FUND_ABI,
  ...PLATFORMS_ABI.filter(({ type }) => type === 'error'),
] as const satisfies Abi
