import { permitTypedData } from '@cloister/core'
import { type Address, erc20Abi, type Hex, maxUint256 } from 'viem'
import type { Chain, Wallet } from '../client.ts'
import { TOKEN_ABI } from '../generated/abis.ts'
import { send } from './send.ts'

/** An account's balance of a token, in base units. */
export function getTokenBalance({ client }: Chain, token: Address, account: Address): Promise<bigint> {
  return client.readContract({ address: token, abi: erc20Abi, functionName: 'balanceOf', args: [account] })
}

/** Sends `amount` base units of a token. */
export function transferToken(wallet: Wallet, token: Address, to: Address, amount: bigint) {
  return send(wallet, { address: token, abi: erc20Abi, functionName: 'transfer', args: [to, amount] })
}

/**
 * Signs an ERC-2612 permit of exactly `value` for `spender`; undefined where the allowance is enough
 * already.
 */
export async function signPermit(
  wallet: Wallet,
  token: Address,
  spender: Address,
  value: bigint,
): Promise<Hex | undefined> {
  const { client, account, network } = wallet
  const contract = { address: token, abi: TOKEN_ABI } as const
  const [allowance, nonce, domain] = await Promise.all([
    client.readContract({
      address: token,
      abi: erc20Abi,
      functionName: 'allowance',
      args: [account.address, spender],
    }),
    client.readContract({ ...contract, functionName: 'nonces', args: [account.address] }),
    client.readContract({ ...contract, functionName: 'eip712Domain' }),
  ])
  if (allowance >= value) return undefined
  const typed = permitTypedData(
    { owner: account.address, spender, value, nonce, deadline: maxUint256 },
    { name: domain[1], version: domain[2], chainId: network.chainId, address: token },
  )
  return wallet.wallet.signTypedData({ account, ...typed })
}
