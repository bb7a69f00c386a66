import type { Network } from '@cloister/chain'
import { insertRows } from '../database/insert.ts'
import type { Transaction } from '../database/open.ts'
import type { Total } from './entity.ts'

/** Changes a total by rows that are there no more, and by rows that are there now. */
export async function addDifferences(
  tx: Transaction,
  { table, key, adds, partOf }: Total,
  network: Network,
  gone: Iterable<object | undefined>,
  here: Iterable<object | undefined>,
): Promise<void> {
  const sums = new Map<unknown, Record<string, unknown>>()
  const add = (row: object | undefined, sign: 1 | -1) => {
    const part = row && partOf(row as never, network)
    if (part === undefined) return
    const sum = sums.get(part[key])
    for (const field of adds) part[field] = plus(sum?.[field], times(part[field], sign))
    sums.set(part[key], part)
  }
  for (const row of gone) add(row, -1)
  for (const row of here) add(row, 1)
  const changed = [...sums.values()].filter((sum) => adds.some((field) => Number(sum[field]) !== 0))
  await insertRows(tx, table, changed, key, adds)
}

function times(value: unknown, sign: 1 | -1): bigint | number {
  return typeof value === 'bigint' ? value * BigInt(sign) : Number(value) * sign
}

function plus(before: unknown, value: bigint | number): bigint | number {
  if (before === undefined) return value
  return typeof value === 'bigint' ? BigInt(String(before)) + value : Number(before) + value
}
