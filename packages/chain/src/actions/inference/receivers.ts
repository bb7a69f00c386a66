import { CloisterError } from '@cloister/core'
import { type Address, encodeFunctionData, type Hex } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { RECEIVERS_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'
import { read } from './contracts.ts'

/** What gives payees addresses. Throws `not-found` where the network has no such contract. */
export function receiversContract({ network: { name, contracts } }: Pick<Chain, 'network'>) {
  if (contracts.receivers) return { address: contracts.receivers, abi: RECEIVERS_ABI } as const
  throw new CloisterError('not-found', `The network ${name} takes no payments of other protocols.`, {
    hint: 'Its description names the contract that takes them under contracts.receivers.',
  })
}

/** Where whoever knows of no fee pays a payee (see IReceivers.sol). Throws `not-found`. */
export function getReceiver(chain: Chain, payee: Address): Promise<Address> {
  return read(chain, receiversContract(chain), 'receiverOf', [payee])
}

/** The call that passes on what has arrived for a payee, as bytes to send to Receivers. */
export function encodeSweep(payee: Address, token: Address): Hex {
  return encodeFunctionData({ abi: RECEIVERS_ABI, functionName: 'sweep', args: [payee, token] })
}

/** A payment as its payer authorized it (EIP-3009). Instants in Unix seconds. */
export interface AuthorizedTransfer {
  from: Address
  value: bigint
  validAfter: bigint
  validBefore: bigint
  nonce: Hex
  signature: Hex
}

/** The call that takes an authorized payment for a payee and passes it on, as bytes to send to Receivers. */
export function encodeTakeAuthorized(payee: Address, token: Address, transfer: AuthorizedTransfer): Hex {
  const { from, value, validAfter, validBefore, nonce, signature } = transfer
  const args = [payee, token, from, value, validAfter, validBefore, nonce, signature] as const
  return encodeFunctionData({ abi: RECEIVERS_ABI, functionName: 'takeAuthorized', args })
}

/** Passes on what has arrived for a payee. Throws `not-found`, `reverted`. */
export async function sweepReceiver(wallet: Wallet, payee: Address, token: Address): Promise<void> {
  await send(wallet, { ...receiversContract(wallet), functionName: 'sweep', args: [payee, token] })
}
