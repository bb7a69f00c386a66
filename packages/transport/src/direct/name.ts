/** What a field's name is made of (RFC 9110, section 5.1). */
const NAME = /^[!#$%&'*+.^`|~\w-]+$/
/** Names that are remembered, and how long they may be. */
const MAX_NAMES = 1_000
const MAX_LENGTH = 64

/** Names as they were read, and what they are in lower case. Nearly all heads have the same few. */
const known = new Map<string, string>()

/** A field's name in lower case; undefined for what is no name. */
export function readName(text: string): string | undefined {
  const found = known.get(text)
  if (found !== undefined) return found
  if (!NAME.test(text)) return undefined
  if (text.length > MAX_LENGTH) return text.toLowerCase()
  if (known.size >= MAX_NAMES) known.clear()
  // A copy: what is cut out of a head would keep the whole of it in memory.
  const copy = Buffer.from(text, 'latin1').toString('latin1')
  const name = copy.toLowerCase()
  known.set(copy, name)
  return name
}
