import type { DomainRecord } from '@cloister/sdk'
import { printable, table } from '@cloister/terminal'

/** DNS records as a table. */
export function recordTable(records: readonly DomainRecord[]): string {
  return table(
    ['type', 'name', 'value', 'which'],
    records.map(({ type, name, value, purpose }) => [type, printable(name), printable(value), purpose]),
  )
}
