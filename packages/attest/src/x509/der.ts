import { type ASN1Element, ASN1TagClass, DERElement } from 'asn1-ts'
import { EvidenceError } from '../errors.ts'

const MAX_CHILDREN = 20_000

/** Universal tag numbers in use (X.680, section 8.4). */
export const TAG = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  oid: 6,
  enumerated: 10,
  sequence: 16,
  set: 17,
  utcTime: 23,
  generalizedTime: 24,
} as const

/** A DER element with the bytes it was read from. */
export interface Der {
  element: ASN1Element
  /** Tag, length and contents. */
  raw: Uint8Array
  /** Contents only. */
  contents: Uint8Array
}

/** Reads one element that must fill `bytes`. Throws `bad-der`. */
export function readDer(bytes: Uint8Array, what: string): Der {
  const der = readNext(bytes, what)
  if (der.raw.length !== bytes.length)
    throw new EvidenceError('bad-der', `${what} is followed by ${bytes.length - der.raw.length} stray bytes.`)
  return der
}

/** The elements inside a constructed one, in order. Throws `bad-der`. */
export function childrenOf(der: Der, what: string): Der[] {
  const children: Der[] = []
  for (let rest = der.contents; rest.length > 0; ) {
    const child = readNext(rest, what)
    children.push(child)
    if (children.length > MAX_CHILDREN)
      throw new EvidenceError('bad-der', `${what} has more than ${MAX_CHILDREN} parts.`)
    rest = rest.subarray(child.raw.length)
  }
  return children
}

/** The first element inside a constructed one; what follows it is not looked at. Throws `bad-der`. */
export function firstChildOf(der: Der, what: string): Der {
  return readNext(der.contents, what)
}

/** Checks that `der` is there and has a universal tag. Throws `bad-der`. */
export function expectTag(der: Der | undefined, tag: number, what: string): Der {
  if (!der || der.element.tagClass !== ASN1TagClass.universal || der.element.tagNumber !== tag)
    throw new EvidenceError('bad-der', `${what} is missing or of another type.`)
  return der
}

/** Whether `der` has the context-specific tag `[number]`. */
export function hasContextTag(der: Der | undefined, number: number): der is Der {
  return der?.element.tagClass === ASN1TagClass.context && der.element.tagNumber === number
}

export function readSequence(der: Der | undefined, what: string): Der[] {
  return childrenOf(expectTag(der, TAG.sequence, what), what)
}

export function readOid(der: Der | undefined, what: string): string {
  return guarded(what, () => expectTag(der, TAG.oid, what).element.objectIdentifier.dotDelimitedNotation)
}

export function readOctets(der: Der | undefined, what: string): Uint8Array {
  return expectTag(der, TAG.octetString, what).contents
}

/** A non-negative integer below 2^32. */
export function readSmallInteger(der: Der | undefined, what: string): number {
  const { contents } = expectTag(der, TAG.integer, what)
  if (contents.length === 0 || contents.length > 5 || (contents[0] ?? 0) >= 0x80)
    throw new EvidenceError('bad-der', `${what} is not a small number.`)
  return contents.reduce((value, byte) => value * 256 + byte, 0)
}

/** A bit string of whole bytes. */
export function readBits(der: Der | undefined, what: string): Uint8Array {
  const { contents } = expectTag(der, TAG.bitString, what)
  if (contents[0] !== 0) throw new EvidenceError('bad-der', `${what} is not a string of whole bytes.`)
  return contents.subarray(1)
}

/** UTCTime or GeneralizedTime in the forms RFC 5280, section 4.1.2.5, allows; Unix seconds. */
export function readTime(der: Der | undefined, what: string): number {
  const tag = der?.element.tagNumber
  if (
    !der ||
    der.element.tagClass !== ASN1TagClass.universal ||
    (tag !== TAG.utcTime && tag !== TAG.generalizedTime)
  )
    throw new EvidenceError('bad-der', `${what} is missing or not a time.`)
  const text = String.fromCharCode(...der.contents.subarray(0, 16))
  const match = (
    tag === TAG.utcTime
      ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
      : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
  ).exec(text)
  if (!match) throw new EvidenceError('bad-der', `${what} is not a time of the form that certificates use.`)
  const [years = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map(Number)
  const year = tag === TAG.utcTime ? (years < 50 ? 2000 + years : 1900 + years) : years
  const milliseconds = Date.UTC(year, month - 1, day, hours, minutes, seconds)
  if (
    month < 1 ||
    month > 12 ||
    new Date(milliseconds).getUTCDate() !== day ||
    hours > 23 ||
    minutes > 59 ||
    seconds > 59
  )
    throw new EvidenceError('bad-der', `${what} is no point in time.`)
  return milliseconds / 1000
}

function readNext(bytes: Uint8Array, what: string): Der {
  return guarded(what, () => {
    // Indefinite lengths (X.690, section 10.1) aren't DER, and lengths over four bytes aren't ours.
    if (bytes[1] === 0x80 || (bytes[1] ?? 0) > 0x84)
      throw new EvidenceError('bad-der', `${what} has a length that DER does not know.`)
    const element = new DERElement()
    const length = element.fromBytes(bytes)
    if (length > bytes.length) throw new EvidenceError('bad-der', `${what} is cut short.`)
    const raw = bytes.subarray(0, length)
    return { element, raw, contents: raw.subarray(length - element.value.length) }
  })
}

function guarded<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof EvidenceError) throw cause
    throw new EvidenceError('bad-der', `${what} is not well-formed DER.`, { cause })
  }
}
