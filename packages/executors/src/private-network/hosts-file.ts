import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

const BEGIN = '# Private network of the lease'
const END = '# End of the private network'
/** Larger ones aren't ours. */
const MOST_BYTES = 4 * 1024 * 1024

/**
 * Puts lines into a file like /etc/hosts (hosts(5)), in place of those that were put there before, and
 * leaves the rest. It stays the same file, as containers have that very one mounted. Whether it changed.
 */
export async function writeHostsBlock(path: string, lines: readonly string[]): Promise<boolean> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    if ((await file.stat()).size > MOST_BYTES) throw new Error(`${path} is too large for a file of hosts`)
    const before = await file.readFile('utf8')
    const after = withBlock(before, lines)
    if (after === before) return false
    const bytes = Buffer.from(after)
    // Written over first and cut then, so that nobody reads a file without its first lines.
    await file.write(bytes, 0, bytes.length, 0)
    await file.truncate(bytes.length)
    return true
  } finally {
    await file.close()
  }
}

/** A text with a block of lines at its end. */
export function withBlock(text: string, lines: readonly string[]): string {
  const begin = text.indexOf(`${BEGIN}\n`)
  const end = text.indexOf(`${END}\n`, begin)
  const without = begin < 0 || end < 0 ? text : text.slice(0, begin) + text.slice(end + END.length + 1)
  if (lines.length === 0) return without
  const whole = without === '' || without.endsWith('\n') ? without : `${without}\n`
  return `${whole}${[BEGIN, ...lines, END].join('\n')}\n`
}
