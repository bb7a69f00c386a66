import { chainError, send, transferToken, type Wallet } from '@cloister/chain'
import { type Address, parseAbi } from 'viem'

const ETHER = 10n ** 18n
const AMOUNT = 1_000n

/**
 * Gives an account ether and tokens of a development network: 10 ETH, 1,000 USDC, 1,000 CLOI. `faucet` is
 * the development account that holds CLOI. What was sent before an error stays sent. Throws
 * `chain-unreachable` naming what didn't go.
 */
export async function fundDevelopmentAccount(faucet: Wallet, account: Address): Promise<void> {
  const { network, wallet, client } = faucet
  try {
    await client.waitForTransactionReceipt({
      hash: await wallet.sendTransaction({ to: account, value: 10n * ETHER }),
    })
  } catch (error) {
    throw chainError('the faucet’s ether', error)
  }
  for (const token of network.tokens) {
    const amount = AMOUNT * 10n ** BigInt(token.decimals)
    if (token.symbol === 'USDC')
      await send(faucet, {
        address: token.address,
        abi: parseAbi(['function mint(address to, uint256 amount)']),
        functionName: 'mint',
        args: [account, amount],
      })
    else await transferToken(faucet, token.address, account, amount)
  }
}
