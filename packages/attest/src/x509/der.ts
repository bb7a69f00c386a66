import { concatBytes } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'

const MAX_CHILDREN = 20_000
/** Octets of a length in its long form: four count further than anything read here is long. */
const MAX_LENGTH_OCTETS = 4
/** Bits of a tag's first octet (X.690, section 8.1.2). */
const CLASS_BITS = 0xc0
const CONTEXT_CLASS = 0x80
const CONSTRUCTED = 0x20
const NUMBER_BITS = 0x1f

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
  tagClass: 'universal' | 'context' | 'other'
  tagNumber: number
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
  if (der?.tagClass !== 'universal' || der.tagNumber !== tag)
    throw new EvidenceError('bad-der', `${what} is missing or of another type.`)
  return der
}

/** Whether `der` has the context-specific tag `[number]`. */
export function hasContextTag(der: Der | undefined, number: number): der is Der {
  return der?.tagClass === 'context' && der.tagNumber === number
}

export function readSequence(der: Der | undefined, what: string): Der[] {
  return childrenOf(expectTag(der, TAG.sequence, what), what)
}

/** An object identifier in dotted form (X.690, section 8.19). Throws `bad-der`. */
export function readOid(der: Der | undefined, what: string): string {
  const { contents } = expectTag(der, TAG.oid, what)
  const arcs: number[] = []
  let arc = 0
  for (const [index, octet] of contents.entries()) {
    // An arc begins with no empty octet, and the last octet ends one.
    if ((arc === 0 && octet === 0x80) || (index === contents.length - 1 && octet >= 0x80)) arc = Infinity
    arc = arc * 0x80 + (octet & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER)
      throw new EvidenceError('bad-der', `${what} has an object identifier that is none.`)
    if (octet >= 0x80) continue
    arcs.push(arc)
    arc = 0
  }
  const [first, ...rest] = arcs
  if (first === undefined) throw new EvidenceError('bad-der', `${what} has an empty object identifier.`)
  const top = Math.min(2, Math.floor(first / 40))
  return [top, first - top * 40, ...rest].join('.')
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
  const tag = der?.tagNumber
  if (der?.tagClass !== 'universal' || (tag !== TAG.utcTime && tag !== TAG.generalizedTime))
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

/** One element in DER, constructed for a sequence or set; its contents are `parts`, one after the other. */
export function encodeDer(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const contents = concatBytes(...parts)
  const isConstructed = tag === TAG.sequence || tag === TAG.set
  const { length } = contents
  const octets: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  const head = length < 0x80 ? [length] : [0x80 + octets.length, ...octets]
  return concatBytes(Uint8Array.of(isConstructed ? tag | CONSTRUCTED : tag, ...head), contents)
}

/** Tag, length and contents (X.690, sections 8.1.2 to 8.1.4, 10.1 and 10.2). */
function readNext(bytes: Uint8Array, what: string): Der {
  const bad = (why: string) => new EvidenceError('bad-der', `${what} ${why}.`)
  const [tag, shortLength] = bytes
  if (tag === undefined || shortLength === undefined) throw bad('is cut short')
  const tagNumber = tag & NUMBER_BITS
  if (tagNumber === NUMBER_BITS) throw bad('has a tag that nothing read here has')
  let length = shortLength
  let start = 2
  if (shortLength >= 0x80) {
    const octets = shortLength - 0x80
    if (octets === 0 || octets > MAX_LENGTH_OCTETS) throw bad('has a length that DER does not know')
    start += octets
    if (bytes.length < start) throw bad('is cut short')
    length = bytes.subarray(2, start).reduce((value, octet) => value * 256 + octet, 0)
    if (length < 0x80 || bytes[2] === 0) throw bad('has a length that DER writes shorter')
  }
  const end = start + length
  if (end > bytes.length) throw bad('is cut short')
  const bits = tag & CLASS_BITS
  const hasParts = tagNumber === TAG.sequence || tagNumber === TAG.set
  if (bits === 0 && hasParts !== ((tag & CONSTRUCTED) !== 0)) throw bad('is put together as DER does not')
  return {
    tagClass: bits === 0 ? 'universal' : bits === CONTEXT_CLASS ? 'context' : 'other',
    tagNumber,
    raw: bytes.subarray(0, end),
    contents: bytes.subarray(start, end),
  }
}
