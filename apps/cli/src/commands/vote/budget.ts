import type { BudgetUse, Network } from '@cloister/chain'
import { formatDuration, showAmount } from '@cloister/core'
import { paint } from '@cloister/terminal'
import { zeroAddress } from 'viem'
import { instant, money } from '../../show.ts'

const ETHER = { symbol: 'ETH', decimals: 18 }

/** What a ballot moves, and whether its track's budget has room for it. */
export function budgetLines(network: Network, uses: readonly BudgetUse[]): string[] {
  return uses.flatMap(({ token, amount, budget, window, left, fitsAt }) => {
    const shown = (units: bigint) =>
      token === zeroAddress ? showAmount(units, ETHER) : money(network, token, units)
    const moves = `moves ${shown(amount)}; ballots of its track may move ${shown(budget)} in any ${formatDuration(window)}, and now ${shown(left)}`
    if (fitsAt === 0) return [moves]
    const waits =
      fitsAt === undefined
        ? 'It is more than the track’s budget by now, so it can not be executed: it will expire.'
        : `It waits for the budget until ${instant(fitsAt)}, or longer if others are executed first.`
    return [moves, paint('yellow', waits)]
  })
}
