/** What a list is asked with. */
export interface Page {
  first?: number
  skip?: number
  where?: Record<string, unknown>
  orderBy?: string
  orderDirection?: 'asc' | 'desc'
}

/** The values that a field may have by `field` and `field_in`; undefined for any. */
export function valuesOf(where: Record<string, unknown>, field: string): string[] | undefined {
  const one = where[field]
  const some = where[`${field}_in`]
  if (typeof one === 'string') return [one]
  return Array.isArray(some) ? some.filter((value) => typeof value === 'string') : undefined
}

/** The least and the greatest value of a whole number, by `_gt`, `_gte`, `_lt`, `_lte` and itself. */
export function rangeOf(
  where: Record<string, unknown>,
  field: string,
): [from: number | undefined, to: number | undefined] {
  const all = (suffix: string, change = 0) => {
    const value = where[`${field}${suffix}`]
    return typeof value === 'number' ? [value + change] : []
  }
  const from = [...all(''), ...all('_gte'), ...all('_gt', 1)]
  const to = [...all(''), ...all('_lte'), ...all('_lt', -1)]
  return [from.length > 0 ? Math.max(...from) : undefined, to.length > 0 ? Math.min(...to) : undefined]
}

const TEXTS = ['id', 'space', 'author', 'type'] as const
const TIMES = ['created', 'start', 'end'] as const
type Listed = Record<(typeof TEXTS)[number] | 'title' | 'state', string> &
  Record<(typeof TIMES)[number], number>

/** What of a list is asked for, in the order asked for. */
export function arranged<T extends Listed>(
  list: T[],
  { first = 20, skip = 0, where = {}, ...order }: Page,
): T[] {
  const tests = [
    ...TEXTS.map((field) => (one: T) => {
      const values = valuesOf(where, field)?.map((value) => value.toLowerCase())
      return values?.includes(one[field].toLowerCase()) ?? true
    }),
    ...TIMES.map((field) => (one: T) => {
      const [from = -Infinity, to = Infinity] = rangeOf(where, field)
      return one[field] >= from && one[field] <= to
    }),
    ({ state }: T) =>
      typeof where['state'] !== 'string' || where['state'] === 'all' || where['state'] === state,
    ({ title }: T) => {
      const wanted = where['title_contains']
      return typeof wanted !== 'string' || title.toLowerCase().includes(wanted.toLowerCase())
    },
  ]
  const by = TIMES.find((field) => field === order.orderBy) ?? 'created'
  const sign = order.orderDirection === 'asc' ? 1 : -1
  return list
    .filter((one) => tests.every((test) => test(one)))
    .sort((one, other) => sign * (one[by] - other[by]))
    .slice(skip, skip + first)
}
