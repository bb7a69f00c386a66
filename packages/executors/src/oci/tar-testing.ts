// Archives for tests, byte by byte, so that impossible ones can be written too.

/** An entry of an archive, as nobody would write it who means well. */
export interface Entry {
  path: string | Buffer
  type?: '0' | '1' | '2' | '3' | '4' | '5' | '6' | 'x' | 'g' | 'S' | 'Z'
  body?: string | Buffer
  link?: string
  mode?: number
  uid?: number
  /** As it is written in the header, where it is not the body's length. */
  size?: Buffer
}

/** A tar entry, byte by byte, so that impossible ones can be written too. */
export function entry({
  path,
  type = '0',
  body = '',
  link = '',
  mode = 0o755,
  uid = 0,
  size,
}: Entry): Buffer {
  const content = Buffer.from(body)
  const header = Buffer.alloc(512)
  Buffer.from(path).copy(header, 0, 0, 100)
  const octal = (value: number, at: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  octal(mode, 100, 8)
  octal(uid, 108, 8)
  octal(0, 116, 8)
  if (size) size.copy(header, 124)
  else octal(content.length, 124, 12)
  octal(1_700_000_000, 136, 12)
  header.write('        ', 148)
  header.write(type, 156)
  header.write(link, 157, 100)
  header.write('ustar\u000000', 257, 'latin1')
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    8,
  )
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)])
}

/** A pax header for the entry that follows. */
export function pax(records: Record<string, string>): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`)
    let length = rest + String(rest).length
    if (String(length).length + rest !== length) length = rest + String(length).length
    return `${length} ${key}=${value}\n`
  })
  return entry({ path: 'pax', type: 'x', body: lines.join('') })
}

/** A sparse file as GNU's pax format 1.0 has it, of which all that is stored is a map. */
export function sparseMap(map: string): Buffer {
  const sparse = pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '0' })
  return Buffer.concat([sparse, entry({ path: 'sparse', body: map })])
}

/** A whole archive; what is bytes already is taken as it is. */
export const archive = (...entries: (Entry | Buffer)[]) =>
  Buffer.concat([...entries.map((one) => (Buffer.isBuffer(one) ? one : entry(one))), Buffer.alloc(1024)])

/** Cut at odd places, as a network does. */
export async function* inPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1_111) yield bytes.subarray(at, at + 1_111)
}
