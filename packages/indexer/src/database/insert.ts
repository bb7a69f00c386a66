import { getTableColumns, getTableName, type SQL, sql } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import type { Transaction } from './open.ts'
import { storable } from './storable.ts'

const ROWS_AT_ONCE = 5_000

/**
 * Inserts many rows as one JSON parameter each time, which PostgreSQL takes apart itself: with a parameter
 * for every value, building the statement takes longer than running it. With `key`, a row that is there
 * already is replaced, but for the fields in `adds`: to those the new row's are added.
 */
export async function insertRows<T extends PgTable>(
  tx: Transaction,
  table: T,
  rows: T['$inferInsert'][],
  key?: string,
  adds: readonly string[] = [],
): Promise<void> {
  const columns = Object.entries(getTableColumns(table))
  const names = sql.join(
    columns.map(([, column]) => sql.identifier(column.name)),
    sql`, `,
  )
  const shape = sql.join(
    columns.map(([, column]) => sql`${sql.identifier(column.name)} ${sql.raw(column.getSQLType())}`),
    sql`, `,
  )
  const onConflict =
    key === undefined
      ? sql``
      : sql` on conflict (${sql.identifier(key)}) do update set ${sql.join(
          columns.map(([field, { name }]) => changed(table, name, adds.includes(field))),
          sql`, `,
        )}`
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    const part = rows
      .slice(from, from + ROWS_AT_ONCE)
      .map((row) =>
        Object.fromEntries(
          columns.map(([field, column]) => [
            column.name,
            storable((row as Record<string, unknown>)[field], column.getSQLType()),
          ]),
        ),
      )
    const json = JSON.stringify(part)
    await tx.execute(
      sql`insert into ${sql.identifier(getTableName(table))} (${names}) select ${names} from jsonb_to_recordset(${json}::jsonb) as rows(${shape})${onConflict}`,
    )
  }
}

function changed(table: PgTable, name: string, isAdded: boolean): SQL {
  const column = sql.identifier(name)
  if (!isAdded) return sql`${column} = excluded.${column}`
  return sql`${column} = ${sql.identifier(getTableName(table))}.${column} + excluded.${column}`
}
