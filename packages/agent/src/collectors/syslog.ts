import { type CollectedLine, containerOf, type Source } from './line.ts'

/** Facility "user-level messages", severities "informational" and "error" (RFC 5424, section 6.2.1). */
const PRIORITY = { stdout: 1 * 8 + 6, stderr: 1 * 8 + 3 } as const
/** Bytes of text in a message: receivers should take 8192 of a whole one (RFC 5425, section 4.3.1). */
const TEXT_BYTES = 7_000
/** A private enterprise number that is kept for examples (RFC 5612): none was assigned to us. */
const ELEMENT = 'cloister@32473'
/** Says that what follows is UTF-8 (RFC 5424, section 6.4). */
const BOM = Buffer.from('efbbbf', 'hex')

/**
 * Lines as syslog messages (RFC 5424), each with its length before it (RFC 5425, section 4.3; RFC 6587,
 * section 3.4.1): over TLS and TCP alike. A long line becomes several messages.
 */
export function syslogFrames(lines: readonly CollectedLine[], source: Source): Buffer {
  return Buffer.concat(lines.flatMap((line) => partsOf(line.text).map((part) => frame(line, part, source))))
}

function frame(line: CollectedLine, part: Buffer, { lease, worker }: Source): Buffer {
  const { service, replica } = line
  const head = [
    `<${PRIORITY[line.stream]}>1`,
    new Date(line.time).toISOString(),
    nameOf(`${lease.slice(2, 18)}`, 255),
    nameOf(service, 48),
    nameOf(containerOf(line), 128),
    '-',
    `[${ELEMENT} lease="${quoted(lease)}" service="${quoted(service)}" replica="${replica}" worker="${quoted(worker)}"]`,
    '',
  ].join(' ')
  const isAscii = part.every((byte) => byte < 0x80)
  const message = Buffer.concat([Buffer.from(head), ...(isAscii ? [] : [BOM]), part])
  return Buffer.concat([Buffer.from(`${message.length} `), message])
}

/** A text in parts of at most so many bytes, no character cut. */
function partsOf(text: string): Buffer[] {
  const bytes = Buffer.from(text.toWellFormed())
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length || parts.length === 0; ) {
    let end = Math.min(bytes.length, at + TEXT_BYTES)
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
    parts.push(bytes.subarray(at, end))
    at = end
    if (bytes.length === 0) break
  }
  return parts
}

/** A field of the header: printable ASCII (RFC 5424, section 6), `-` where nothing is left. */
function nameOf(text: string, most: number): string {
  return text.replace(/[^\x21-\x7e]/g, '_').slice(0, most) || '-'
}

/** A parameter's value (RFC 5424, section 6.3.3). */
function quoted(text: string): string {
  return text.replace(/["\\\]]/g, (found) => `\\${found}`)
}
