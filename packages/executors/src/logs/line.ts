import { StringDecoder } from 'node:string_decoder'
import type { LogLine } from '../executor.ts'

/** Longest line, in UTF-16 units; what is longer goes on in the next one. */
const MAX_LINE = 16 * 1024

export function logLine(time: number, stream: LogLine['stream'], text: string): LogLine {
  return { time, stream, text: text.replace(/\r$/, '') }
}

/** Lines out of bytes that come in pieces, cut anywhere. */
export class LineDecoder {
  private readonly decoder = new StringDecoder('utf8')
  private readonly longest: number
  private rest = ''

  constructor(longest = MAX_LINE) {
    this.longest = longest
  }

  /** The lines that a piece ends. */
  write(bytes: Buffer): string[] {
    const lines = (this.rest + this.decoder.write(bytes)).split('\n')
    const cut = cutLine(lines.pop() ?? '', this.longest)
    this.rest = cut.pop() ?? ''
    return [...lines.flatMap((line) => cutLine(line, this.longest)), ...cut]
  }

  /** What has no line end yet. */
  end(): string[] {
    const rest = this.rest + this.decoder.end()
    this.rest = ''
    return rest === '' ? [] : [rest]
  }
}

/** A line in pieces of at most `longest` each; one piece where it is no longer. */
export function cutLine(line: string, longest = MAX_LINE): string[] {
  if (line.length <= longest) return [line]
  return Array.from({ length: Math.ceil(line.length / longest) }, (_, piece) =>
    line.slice(piece * longest, (piece + 1) * longest),
  )
}
