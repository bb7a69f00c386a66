import { createReadStream } from 'node:fs'
import { CloisterError } from '@cloister/core'
import { type Hex, hexToBytes } from 'viem'
import type { StateFile } from './state-file.ts'

const AT_ONCE = 5_000
/** Of one key or value in hexadecimal digits. */
const LONGEST = 64 * 1024 * 1024
const BEGINNING = /"top"\s*:\s*\{/
const PAIR = /^\s*"(0x(?:[0-9a-f]{2})*)"\s*:\s*"(0x(?:[0-9a-f]{2})*)"\s*(,|\})/
/** What comes before the pairs: names, boot nodes, properties. */
const LONGEST_BEGINNING = 4 * 1024 * 1024

/**
 * Reads a state that a node exported (`export-state`, a raw chain specification in JSON) into a file. It may
 * be larger than memory. Throws `bad-file`.
 */
export async function readExport(path: string, file: StateFile): Promise<void> {
  if (file.isWhole) return
  const seen = file.count
  let skipped = 0
  let pairs: [Uint8Array, Uint8Array][] = []
  for await (const [key, value] of pairsOf(path)) {
    // What an earlier try has put into the file; a file's pairs come in the same order each time.
    if (skipped++ < seen) continue
    pairs.push([hexToBytes(key), hexToBytes(value)])
    if (pairs.length < AT_ONCE) continue
    file.add(pairs)
    pairs = []
  }
  file.add(pairs)
  file.finish()
}

async function* pairsOf(path: string): AsyncGenerator<[Hex, Hex]> {
  let text = ''
  let isInside = false
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 20 })) {
    text += chunk
    if (!isInside) {
      const beginning = BEGINNING.exec(text)
      if (!beginning) {
        if (text.length > LONGEST_BEGINNING) throw badFile(path, 'it has no pairs (genesis.raw.top)')
        continue
      }
      text = text.slice(beginning.index + beginning[0].length)
      isInside = true
    }
    let at = 0
    for (;;) {
      const end = endOfPair(text, at)
      if (end < 0) break
      const pair = PAIR.exec(text.slice(at, end))
      if (!pair) throw badFile(path, 'it has something among its pairs that is none')
      yield [pair[1] as Hex, pair[2] as Hex]
      if (pair[3] === '}') return
      at = end
    }
    text = text.slice(at)
    if (text.length > LONGEST) throw badFile(path, 'it has a value that is too long')
  }
  throw badFile(path, 'it ends before its pairs do')
}

/** Behind the comma or the brace that ends a pair: neither is in hexadecimal digits. */
function endOfPair(text: string, from: number): number {
  const next = /[,}]/g
  next.lastIndex = from
  return next.test(text) ? next.lastIndex : -1
}

function badFile(path: string, what: string): CloisterError {
  return new CloisterError('bad-file', `${path} is no exported state: ${what}.`, {
    hint: 'A node writes one by `export-state --raw`.',
  })
}
