import { getCredit, withdrawCredit } from '@cloister/chain'
import { formatAmount } from '@cloister/core'
import { walletOf } from '@cloister/sdk'
import { say, sayJson } from '@cloister/terminal'
import type { Hex } from 'viem'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'

export async function withdraw(options: Globals): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const withdrawn: { symbol: string; amount: bigint; transaction: Hex }[] = []
  for (const { address, symbol } of cloister.network.tokens) {
    const amount = await getCredit(wallet, wallet.account.address, address)
    if (amount > 0n)
      withdrawn.push({
        symbol,
        amount,
        transaction: (await withdrawCredit(wallet, address, wallet.account.address)).transactionHash,
      })
  }
  if (options.json) return sayJson(withdrawn)
  if (withdrawn.length === 0) return say('There is nothing to withdraw.')
  for (const { symbol, amount } of withdrawn)
    say(
      `Withdrew ${formatAmount(amount, cloister.network.tokens.find((token) => token.symbol === symbol)?.decimals ?? 0)} ${symbol}.`,
    )
}
