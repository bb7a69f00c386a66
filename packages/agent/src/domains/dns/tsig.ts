// Signatures on messages of DNS by a shared secret: RFC 8945.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { CloisterError, type DnsKey } from '@cloister/core'
import { CLASS, type DnsMessage, NO_ERROR, readName, TYPE, u16, writeName } from './message.ts'

/** Seconds by which clocks may differ (section 10). */
const FUDGE_SECONDS = 300

/** What a server has against a signature (section 4.3.2). */
const TSIG_ERRORS: Readonly<Record<number, string>> = {
  16: 'the secret of the key is another one there',
  17: 'the key is not known there',
  18: 'its clock and ours differ by more than five minutes',
  22: 'it wants longer signatures',
}

/** What the last record of a signed message says (section 4.2). */
interface Tsig {
  at: number
  key: string
  algorithm: string
  /** Unix seconds. */
  time: number
  fudge: number
  mac: Buffer
  originalId: number
  error: number
  other: Buffer
}

/** A message with its signature, and the signature that the answer has to be signed together with. */
export function signMessage(
  message: Buffer,
  key: DnsKey,
  nowSeconds: number,
): { signed: Buffer; mac: Buffer } {
  const variables = { time: nowSeconds, fudge: FUDGE_SECONDS, error: 0, other: Buffer.alloc(0) }
  const mac = macOf(key, [message, variablesOf(key, variables)])
  const data = Buffer.concat([
    ...[writeName(key.algorithm), timeBytes(nowSeconds), u16(FUDGE_SECONDS), u16(mac.length), mac],
    ...[message.subarray(0, 2), u16(0), u16(0)],
  ])
  const signed = Buffer.concat([
    ...[message, writeName(key.name), u16(TYPE.tsig), u16(CLASS.any), Buffer.alloc(4)],
    ...[u16(data.length), data],
  ])
  signed.writeUInt16BE(signed.readUInt16BE(10) + 1, 10)
  return { signed, mac }
}

/**
 * Holds an answer's signature against the key and the request's signature (section 5.3). Throws
 * `bad-answer` where it isn't signed by it, and `refused` where the server had something against ours.
 */
export function checkAnswer(
  bytes: Buffer,
  message: DnsMessage,
  key: DnsKey,
  mac: Buffer,
  nowSeconds: number,
): void {
  const tsig = readTsig(bytes, message)
  // What it has against our signature it may say without one of its own (section 5.3.2).
  if (tsig && tsig.error !== 0)
    throw new CloisterError(
      'refused',
      `it takes no signature by ${key.name}: ${TSIG_ERRORS[tsig.error] ?? `error ${tsig.error}`}`,
    )
  // Nothing was done then, whoever says it.
  if (!tsig && message.code !== NO_ERROR) return
  if (!tsig) throw new CloisterError('bad-answer', 'its answer is not signed')
  const unsigned = Buffer.from(bytes.subarray(0, tsig.at))
  unsigned.writeUInt16BE(tsig.originalId, 0)
  unsigned.writeUInt16BE(unsigned.readUInt16BE(10) - 1, 10)
  const expected = macOf(key, [u16(mac.length), mac, unsigned, variablesOf(key, tsig)])
  const isOurs =
    tsig.key === key.name.toLowerCase().replace(/\.$/, '') &&
    tsig.algorithm === key.algorithm &&
    tsig.mac.length === expected.length &&
    timingSafeEqual(tsig.mac, expected)
  if (!isOurs) throw new CloisterError('bad-answer', 'its answer is signed by another key')
  if (Math.abs(nowSeconds - tsig.time) > tsig.fudge)
    throw new CloisterError('bad-answer', 'its answer is signed at another time')
}

/** The signature has to be the last record of all (section 5.1). */
function readTsig(bytes: Buffer, { additional }: DnsMessage): Tsig | undefined {
  const record = additional.at(-1)
  if (record?.type !== TYPE.tsig) return undefined
  try {
    const { name: algorithm, end } = readName(bytes, record.dataAt)
    const size = bytes.readUInt16BE(end + 8)
    const after = end + 10 + size
    const other = bytes.subarray(after + 6, after + 6 + bytes.readUInt16BE(after + 4))
    if (after + 6 + other.length !== record.dataAt + record.data.length) throw new RangeError('its length')
    return {
      at: record.at,
      key: record.name,
      algorithm,
      time: bytes.readUIntBE(end, 6),
      fudge: bytes.readUInt16BE(end + 6),
      mac: bytes.subarray(end + 10, after),
      originalId: bytes.readUInt16BE(after),
      error: bytes.readUInt16BE(after + 2),
      other,
    }
  } catch (cause) {
    throw new CloisterError('bad-answer', 'its signature is none', { cause })
  }
}

/** What is signed beside the message (section 4.3.3). */
function variablesOf(
  { name, algorithm }: DnsKey,
  { time, fudge, error, other }: Pick<Tsig, 'time' | 'fudge' | 'error' | 'other'>,
): Buffer {
  return Buffer.concat([
    ...[writeName(name), u16(CLASS.any), Buffer.alloc(4), writeName(algorithm), timeBytes(time)],
    ...[u16(fudge), u16(error), u16(other.length), other],
  ])
}

function macOf({ algorithm, secret }: DnsKey, parts: readonly Buffer[]): Buffer {
  const hmac = createHmac(algorithm.replace('hmac-', ''), Buffer.from(secret, 'base64'))
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}

function timeBytes(seconds: number): Buffer {
  const bytes = Buffer.alloc(6)
  bytes.writeUIntBE(seconds, 0, 6)
  return bytes
}
