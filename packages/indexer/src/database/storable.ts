/** Longer texts are cut: nothing of use is longer, and anybody may put a megabyte into an event. */
const LONGEST_TEXT = 8_192
const LARGEST_AMOUNT = 10n ** 78n - 1n
const LIMITS: Record<string, number> = { integer: 2 ** 31 - 1, bigint: Number.MAX_SAFE_INTEGER }

/**
 * A value as PostgreSQL takes it into a column of type `type`, as JSON. What stands in an event is anybody's
 * choice, and a value that the database refuses would stop the index at that block for good. So text loses
 * what PostgreSQL has no room for (NUL, half a surrogate pair), and numbers beyond the column become the
 * largest that fits.
 */
export function storable(value: unknown, type: string): unknown {
  if (value === undefined || value === null) return null
  if (typeof value === 'bigint')
    return String(value > LARGEST_AMOUNT ? LARGEST_AMOUNT : value < -LARGEST_AMOUNT ? -LARGEST_AMOUNT : value)
  if (typeof value === 'number') {
    const most = LIMITS[type] ?? Number.MAX_SAFE_INTEGER
    return Number.isNaN(value) ? null : Math.max(-most, Math.min(most, value))
  }
  if (typeof value === 'string') return storableText(value)
  if (Array.isArray(value)) return value.map((item) => storable(item, type))
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, storable(item, type)]))
  return value
}

/** Text that PostgreSQL takes. What it would refuse becomes U+FFFD. */
export function storableText(text: string): string {
  return text.slice(0, LONGEST_TEXT).replaceAll('\0', '\ufffd').toWellFormed()
}
