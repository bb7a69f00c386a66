import { type Leaves, type LegacyAccount, NEW_DECIMALS, type PlacedLeaf } from '@cloister/migration'
import { formatUnits } from 'viem'
import { made } from './elements.ts'

/** What an account owned on the old chain beside what it is on the new one, a row for each leaf. */
export function amountsTable(leaves: Leaves, account: LegacyAccount): HTMLElement {
  const { symbol } = leaves.chain
  const table = document.createElement('table')
  const head = document.createElement('tr')
  head.append(made('th', 'From'), made('th', `Old ${symbol}`, 'amount'), made('th', 'New CLOI', 'amount'))
  const own = leaves.of(account)
  table.append(head, ...own.map((leaf) => row(leaves, whenOf(leaf), leaf.amount)))
  if (own.length > 1)
    table.append(
      row(
        leaves,
        'In all',
        own.reduce((sum, { amount }) => sum + amount, 0n),
      ),
    )
  return table
}

/** An amount of both tokens: `12.5 PHA, which are 12.5 CLOI`. */
export function inBoth({ chain }: Leaves, amount: bigint): string {
  return `${oldAmount(chain.decimals, amount)} ${chain.symbol}, which are ${formatUnits(amount, NEW_DECIMALS)} CLOI`
}

function row({ chain }: Leaves, when: string, amount: bigint): HTMLElement {
  const line = document.createElement('tr')
  line.append(
    made('td', when),
    made('td', oldAmount(chain.decimals, amount), 'amount'),
    made('td', formatUnits(amount, NEW_DECIMALS), 'amount'),
  )
  return line
}

function whenOf({ vestsFrom, vestsUntil }: PlacedLeaf): string {
  const day = (seconds: number) => new Date(seconds * 1_000).toISOString().slice(0, 10)
  return vestsUntil === 0 ? 'at once' : `evenly, ${day(vestsFrom)} to ${day(vestsUntil)}`
}

/** Leaves are in units of the new token, which has more decimals. */
function oldAmount(decimals: number, amount: bigint): string {
  return formatUnits(amount / 10n ** BigInt(NEW_DECIMALS - decimals), decimals)
}
