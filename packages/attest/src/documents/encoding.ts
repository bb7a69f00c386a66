import { fromBase64, fromHex } from '../bytes.ts'

/**
 * The bytes of a text in hexadecimal digits (with or without `0x`) or base64 (of either alphabet); undefined
 * for other texts.
 */
export function decodeText(text: string): Uint8Array | undefined {
  const packed = text.replace(/\s+/g, '')
  if (/^(0x)?([0-9a-fA-F]{2})+$/.test(packed)) return fromHex(packed, 'The evidence')
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(packed)) return undefined
  const standard = packed.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/')
  if (standard.length % 4 === 1) return undefined
  return fromBase64(standard.padEnd(Math.ceil(standard.length / 4) * 4, '='), 'The evidence')
}
