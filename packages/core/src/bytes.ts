// Bytes without Node's Buffer, which browsers haven't got.

const encoder = new TextEncoder()
/** A byte order mark is a character like others. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
/** Characters that a function is called with at once. */
const CHUNK = 8_192

/** A text's bytes in UTF-8. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text)
}

/** The text that bytes in UTF-8 stand for; what is none becomes U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

/** Bytes in base64 (RFC 4648, section 4). */
export function toBase64(bytes: Uint8Array): string {
  let characters = ''
  for (let from = 0; from < bytes.length; from += CHUNK)
    characters += String.fromCharCode(...bytes.subarray(from, from + CHUNK))
  return btoa(characters)
}

/** What base64 stands for, with padding or without. Throws a DOMException for what is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}

/** Bytes in base64 for URLs, without padding (RFC 4648, section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** What base64 for URLs stands for. Throws a DOMException for what is none. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  return fromBase64(text.replaceAll('-', '+').replaceAll('_', '/'))
}
