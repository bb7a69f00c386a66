import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { getCredit, withdrawCredit } from '@cloister/chain'
import { formatAmount } from '@cloister/core'
import { walletOf } from '@cloister/sdk'
import { say, sayJson } from '@cloister/terminal'
import { connect } from '../../context.ts'
import { payee } from '../../payee.ts'
import type { ProviderOptions } from './options.ts'

export async function withdraw(options: ProviderOptions & { to?: string }): Promise<void> {
  const { loadAgentConfig } = await import('@cloister/agent')
  const network = existsSync(resolve(options.config))
    ? loadAgentConfig(resolve(options.config)).network
    : options.network
  const cloister = connect({ ...options, ...(network !== undefined && { network }) })
  const wallet = walletOf(cloister)
  const to =
    options.to === undefined ? wallet.account.address : payee(options.to, 'the wallet that is to have it')
  const done: { symbol: string; amount: string; transaction: string }[] = []
  for (const token of cloister.network.tokens) {
    const amount = await getCredit(wallet, wallet.account.address, token.address)
    if (amount > 0n)
      done.push({
        symbol: token.symbol,
        amount: formatAmount(amount, token.decimals),
        transaction: (await withdrawCredit(wallet, token.address, to)).transactionHash,
      })
  }
  if (options.json) return sayJson(done)
  if (done.length === 0)
    return say(
      `There is nothing to withdraw for ${wallet.account.address}. What leases earn is settled from time to time.`,
    )
  for (const { amount, symbol } of done) say(`Sent ${amount} ${symbol} to ${to}.`)
}
