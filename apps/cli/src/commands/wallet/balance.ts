import { getCredit, getTokenBalance } from '@cloister/chain'
import { formatAmount } from '@cloister/core'
import { walletOf } from '@cloister/sdk'
import { facts, say, sayJson } from '@cloister/terminal'
import { formatEther } from 'viem'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'

export async function showBalance(options: Globals): Promise<void> {
  const cloister = connect(options)
  const { account } = walletOf(cloister)
  const { chain, network } = cloister
  const [ether, ...tokens] = await Promise.all([
    chain.client.getBalance({ address: account.address }),
    ...network.tokens.map((token) =>
      Promise.all([
        getTokenBalance(chain, token.address, account.address),
        getCredit(chain, account.address, token.address),
      ]),
    ),
  ])
  const balances = network.tokens.map((token, i) => ({
    symbol: token.symbol,
    token: token.address,
    balance: tokens[i]?.[0] ?? 0n,
    credit: tokens[i]?.[1] ?? 0n,
    decimals: token.decimals,
  }))
  if (options.json) return sayJson({ account: account.address, ether, balances })
  say(
    facts([
      ['account', account.address],
      ['ETH', formatEther(ether)],
      ...balances.map(({ symbol, balance, credit, decimals }): [string, string] => [
        symbol,
        `${formatAmount(balance, decimals)}${credit > 0n ? ` and ${formatAmount(credit, decimals)} to withdraw` : ''}`,
      ]),
    ]),
  )
}
