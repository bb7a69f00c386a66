import { type Channel, receiveAuthorizationTypedData } from '@cloister/core'
import { encodeAbiParameters, encodeFunctionData, type Hex, keccak256, type LocalAccount } from 'viem'
import type { Chain } from '../../client.ts'
import { VOUCHERS_ABI } from '../../generated/abis.ts'
import { channelIdIn } from './channels.ts'
import { vouchersContract } from './contracts.ts'

/** Money that a payer authorizes its token to send to one channel (EIP-3009). Instants in Unix seconds. */
export interface AuthorizedDeposit {
  channel: Channel
  amount: bigint
  validAfter: bigint
  validBefore: bigint
  salt: Hex
  signature: Hex
}

/**
 * Signs a deposit into a channel as its payer, so that anybody may hand it in. `token` is what the token says
 * of itself (`eip712Domain`). Throws `not-found`.
 */
export async function signDeposit(
  chain: Pick<Chain, 'network'>,
  payer: LocalAccount,
  token: { name: string; version: string },
  deposit: Omit<AuthorizedDeposit, 'signature'>,
): Promise<AuthorizedDeposit> {
  const { channel, amount: value, validAfter, validBefore, salt } = deposit
  const { address: to } = vouchersContract(chain)
  const words = [{ type: 'bytes32' }, { type: 'bytes32' }] as const
  const nonce = keccak256(encodeAbiParameters(words, [channelIdIn(chain, channel), salt]))
  const { chainId } = chain.network
  const typed = receiveAuthorizationTypedData(
    { from: channel.payer, to, value, validAfter, validBefore, nonce },
    { ...token, chainId, address: channel.token },
  )
  return { ...deposit, signature: await payer.signTypedData(typed) }
}

/** The call that hands an authorized deposit in, as bytes to send to Vouchers. */
export function encodeDeposit(deposit: AuthorizedDeposit): Hex {
  const { channel, amount, validAfter, validBefore, salt, signature } = deposit
  const args = [channel, amount, validAfter, validBefore, salt, signature] as const
  return encodeFunctionData({ abi: VOUCHERS_ABI, functionName: 'depositWithAuthorization', args })
}
