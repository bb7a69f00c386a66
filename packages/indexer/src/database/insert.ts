import { getTableColumns, getTableName, type SQL, sql } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import { arrayLiteral } from './array-literal.ts'
import type { Transaction } from './open.ts'

const ROWS_AT_ONCE = 5_000

/**
 * Inserts many rows with one array for each column, which PostgreSQL takes apart itself: with a parameter for
 * every value, building the statement takes longer than running it, and rows as JSON take PostgreSQL twice as
 * long. With `key`, a row that is there already is replaced, but for the fields in `adds`: to those the new
 * row's are added.
 */
export async function insertRows<T extends PgTable>(
  tx: Transaction,
  table: T,
  rows: T['$inferInsert'][],
  key?: string,
  adds: readonly string[] = [],
): Promise<void> {
  const columns = Object.entries(getTableColumns(table)).map(([field, column]) => {
    // Without what it is limited to (`numeric(78, 0)`): the column has that.
    const [type = ''] = column.getSQLType().split('(')
    return { field, name: column.name, type }
  })
  const names = sql.join(
    columns.map(({ name }) => sql.identifier(name)),
    sql`, `,
  )
  const onConflict =
    key === undefined
      ? sql``
      : sql` on conflict (${sql.identifier(key)}) do update set ${sql.join(
          columns.map(({ field, name }) => changed(table, name, adds.includes(field))),
          sql`, `,
        )}`
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    const part: Record<string, unknown>[] = rows.slice(from, from + ROWS_AT_ONCE)
    const arrays = columns.map(({ field, type }) => {
      const literal = arrayLiteral(
        part.map((row) => row[field]),
        type,
      )
      return sql`${literal}::${sql.raw(type)}[]`
    })
    await tx.execute(
      sql`insert into ${sql.identifier(getTableName(table))} (${names}) select * from unnest(${sql.join(arrays, sql`, `)})${onConflict}`,
    )
  }
}

function changed(table: PgTable, name: string, isAdded: boolean): SQL {
  const column = sql.identifier(name)
  if (!isAdded) return sql`${column} = excluded.${column}`
  return sql`${column} = ${sql.identifier(getTableName(table))}.${column} + excluded.${column}`
}
