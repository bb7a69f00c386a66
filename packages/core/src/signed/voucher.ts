import { type Address, type Hex, recoverTypedDataAddress } from 'viem'
import * as z from 'zod'
import { bytes32, decimal, hexBytes } from '../shapes.ts'
import { channelsDomain } from './channel.ts'

/** A payer's cumulative promise: so much of a channel may have been claimed, all in all (x402). */
export interface Voucher {
  channelId: Hex
  /** Base units of the channel's token. */
  maxClaimableAmount: bigint
}

/** A voucher with the signature of the channel's payer authorizer. */
export interface SignedVoucher extends Voucher {
  signature: Hex
}

/** EIP-712 types of a voucher, as in Vouchers.sol and x402's contract. */
export const VOUCHER_TYPES = {
  Voucher: [
    { name: 'channelId', type: 'bytes32' },
    { name: 'maxClaimableAmount', type: 'uint128' },
  ],
} as const

/** What a channel's payer authorizer signs: `vouchers` is the Vouchers contract of the chain. */
export function voucherTypedData(voucher: Voucher, chainId: number, vouchers: Address) {
  return {
    domain: channelsDomain(chainId, vouchers),
    types: VOUCHER_TYPES,
    primaryType: 'Voucher' as const,
    message: voucher,
  } as const
}

/** Whether a voucher is signed by a channel's payer authorizer. */
export async function isVoucherSigned(
  { signature, ...voucher }: SignedVoucher,
  payerAuthorizer: Address,
  chainId: number,
  vouchers: Address,
): Promise<boolean> {
  const signer = await recoverTypedDataAddress({
    ...voucherTypedData(voucher, chainId, vouchers),
    signature,
  }).catch(() => undefined)
  return signer?.toLowerCase() === payerAuthorizer.toLowerCase()
}

const uint128 = decimal.refine((text) => BigInt(text) < 1n << 128n, 'more than 128 bits')

/** A signed voucher in JSON, in x402's names. */
export const SignedVoucherJson = z.strictObject({
  channelId: bytes32,
  maxClaimableAmount: uint128,
  signature: hexBytes,
})

/** A signed voucher out of JSON; undefined for what is none. */
export function voucherFromJson(json: unknown): SignedVoucher | undefined {
  const { data } = SignedVoucherJson.safeParse(json)
  return data && { ...data, maxClaimableAmount: BigInt(data.maxClaimableAmount) }
}
