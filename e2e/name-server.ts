import { createSocket } from 'node:dgram'
import { once } from 'node:events'

const TYPES: Record<number, string> = { 1: 'A', 5: 'CNAME', 16: 'TXT', 28: 'AAAA', 257: 'CAA' }

/** A name server for tests: it knows what it is told, and every name has the same addresses. */
export interface NameServer {
  port: number
  /** TXT records by name; changed at any time. */
  texts: Map<string, string[]>
  /** What was asked for, `TXT name`. */
  asked: string[]
  close(): void
}

/** Listens for questions over UDP (RFC 1035, section 4), on 127.0.0.1. */
export async function startNameServer(
  addresses: { v4?: number[] } = { v4: [127, 0, 0, 1] },
): Promise<NameServer> {
  const texts = new Map<string, string[]>()
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (question, from) => {
    const labels: string[] = []
    let at = 12
    while (question[at]) {
      const length = question[at] as number
      labels.push(question.toString('latin1', at + 1, at + 1 + length).toLowerCase())
      at += 1 + length
    }
    const name = labels.join('.')
    const type = TYPES[question.readUInt16BE(at + 1)] ?? ''
    asked.push(`${type} ${name}`)
    const data =
      type === 'A' && addresses.v4
        ? [Buffer.from(addresses.v4)]
        : type === 'TXT'
          ? (texts.get(name) ?? []).map(textOf)
          : []
    const head = Buffer.from(question.subarray(0, 12))
    head.writeUInt16BE(0x8580, 2)
    head.writeUInt16BE(data.length, 6)
    head.writeUInt32BE(0, 8)
    const answers = data.map((value) => {
      const record = Buffer.alloc(12)
      record.writeUInt16BE(0xc00c, 0)
      record.writeUInt16BE(question.readUInt16BE(at + 1), 2)
      record.writeUInt16BE(1, 4)
      record.writeUInt16BE(value.length, 10)
      return Buffer.concat([record, value])
    })
    socket.send(Buffer.concat([head, question.subarray(12, at + 5), ...answers]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { port: socket.address().port, texts, asked, close: () => socket.close() }
}

/** A text in pieces of 255 bytes at most (section 3.3.14). */
function textOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length || at === 0; at += 255) {
    const piece = bytes.subarray(at, at + 255)
    pieces.push(Buffer.from([piece.length]), piece)
  }
  return Buffer.concat(pieces)
}
