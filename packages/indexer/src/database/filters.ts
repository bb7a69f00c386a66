import { eq, type SQL } from 'drizzle-orm'

type Filters = Record<string, string | boolean | undefined>

/** Filters by text, each of which may be left out. */
export type Filter<Key extends string> = { [K in Key]?: string | undefined }

/** Conditions for the filters that were given. */
export function equal(
  columns: Record<string, SQL | Parameters<typeof eq>[0]>,
  filters: Filters,
): (SQL | undefined)[] {
  return Object.entries(columns).map(([key, column]) =>
    filters[key] === undefined ? undefined : eq(column as SQL, filters[key]),
  )
}
