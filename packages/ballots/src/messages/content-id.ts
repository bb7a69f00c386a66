import { type Hex, sha256, stringToBytes, toBytes } from 'viem'

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
/** CIDv1, codec `raw`, hash SHA-256 of 32 bytes (multiformats/cid, multicodec table). */
const RAW_SHA256 = [0x01, 0x55, 0x12, 0x20]

/** The content id (CIDv1, raw, SHA-256, base32) of a text: what IPFS calls it by, and what proves it. */
export function contentIdOf(text: string): string {
  return contentIdOfHash(sha256(stringToBytes(text)))
}

/** The same of its SHA-256. */
export function contentIdOfHash(hash: Hex): string {
  let bits = ''
  for (const byte of [...RAW_SHA256, ...toBytes(hash)]) bits += byte.toString(2).padStart(8, '0')
  let encoded = 'b'
  for (let at = 0; at < bits.length; at += 5)
    encoded += BASE32[Number.parseInt(bits.slice(at, at + 5).padEnd(5, '0'), 2)]
  return encoded
}
