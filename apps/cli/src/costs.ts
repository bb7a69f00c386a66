import { type Chain, type Cost, costOf, readFeePrices, sumOf, type Transaction } from '@cloister/chain'
import { CloisterError, showAmount } from '@cloister/core'
import { note, paint } from '@cloister/terminal'

const ETHER = { symbol: 'ETH', decimals: 18 }
/** Digits of an amount of ether that people are shown: fees change within minutes. */
const DIGITS = 3

/**
 * What transactions cost on a layer 2, where their data costs more than meets the eye; undefined on any other
 * chain, and where it can't be told, which is said to people.
 */
export async function layer2Cost(
  chain: Chain,
  transactions: readonly Transaction[],
  { json }: { json: boolean },
): Promise<Cost | undefined> {
  try {
    const prices = await readFeePrices(chain)
    if (!prices.layer2) return undefined
    return sumOf(transactions.map((transaction) => costOf(prices, transaction)))
  } catch (error) {
    if (!(error instanceof CloisterError) || error.code !== 'bad-answer') throw error
    if (!json)
      note(
        `${paint('yellow', '!', process.stderr)} What the transaction costs can’t be told: ${error.message}`,
      )
    return undefined
  }
}

/** `The transaction costs about 0.0000012 ETH: …`, a line for people. */
export function sayCost(cost: Cost): string {
  const { gas, execution, data, operator, total } = cost
  return `The transaction costs about ${ether(total)}: ${partsOf([
    [execution, `for ${gas.toLocaleString('en')} units of gas`],
    [data, 'for its data on layer 1'],
    [operator, 'for the chain’s operator'],
  ])}.`
}

function partsOf(parts: [bigint, string][]): string {
  const said = parts.filter(([amount]) => amount > 0n).map(([amount, what]) => `${ether(amount)} ${what}`)
  return said.length > 1 ? `${said.slice(0, -1).join(', ')} and ${said.at(-1)}` : (said[0] ?? 'nothing')
}

/** Wei as ether, with as many digits as mean something. */
export function ether(wei: bigint): string {
  return showAmount(wei, ETHER, Math.max(0, ETHER.decimals + DIGITS - String(wei).length))
}
