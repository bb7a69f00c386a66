/** A member of the body: its bytes, and those that go where it is taken out. */
interface Member {
  value: Buffer
  /** With the comma that goes with it. */
  from: number
  to: number
}

/** What routing reads of a request's body, which is passed on as it came. */
export interface Routed {
  model: string
  /** The `provider` object: wishes for the gateway, which no engine knows. */
  provider: Member | undefined
  /** What the conversation begins with, in pieces of bytes: one more each. */
  beginning: Buffer[]
  streams: boolean
}

/** Why a body says nothing to routing, in words that complete `The body …`. */
export class UnreadableBody extends Error {}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d]
/** Members that are read; each may be there once, since others could believe the one that we don't. */
const READ = new Set(['model', 'provider', 'stream', 'messages', 'system', 'prompt', 'input', 'instructions'])
/** Elements of a conversation that count as its beginning. */
const FIRST_ELEMENTS = 2

/**
 * Reads `model`, `provider`, `stream` and the beginning of the conversation out of a JSON object (RFC 8259)
 * without building it: strings are passed over whole. What it doesn't look at may be no JSON; the engine sees
 * to that. Throws `UnreadableBody`.
 */
export function readRouted(body: Buffer): Routed {
  const members = new Map<string, Member>()
  let at = blanks(body, 0)
  if (body[at] !== OPEN_OBJECT) throw new UnreadableBody('is not a JSON object')
  at = blanks(body, at + 1)
  let comma = -1
  while (body[at] !== CLOSE_OBJECT) {
    if (body[at] !== QUOTE) throw new UnreadableBody('is not JSON')
    const keyAt = at
    const keyEnd = stringEnd(body, at)
    const name = keyOf(body, at, keyEnd)
    at = blanks(body, keyEnd)
    if (body[at] !== COLON) throw new UnreadableBody('is not JSON')
    const from = blanks(body, at + 1)
    const to = valueEnd(body, from)
    at = blanks(body, to)
    const isLast = body[at] !== COMMA
    if (name !== undefined) {
      if (members.has(name)) throw new UnreadableBody(`has \`${name}\` twice`)
      // The comma after it, or that before it where it is the last.
      const [start, end] = isLast ? [comma < 0 ? keyAt : comma, to] : [keyAt, at + 1]
      members.set(name, { value: body.subarray(from, to), from: start, to: end })
    }
    if (isLast) break
    comma = at
    at = blanks(body, at + 1)
    if (body[at] === CLOSE_OBJECT) throw new UnreadableBody('is not JSON')
  }
  if (body[at] !== CLOSE_OBJECT || blanks(body, at + 1) !== body.length)
    throw new UnreadableBody('is not JSON')
  return {
    model: modelIn(members.get('model')),
    provider: members.get('provider'),
    beginning: beginningOf(members),
    streams: members.get('stream')?.value.toString('latin1') === 'true',
  }
}

/** A body without one of its members. */
export function without(body: Buffer, { from, to }: Member): Buffer {
  return Buffer.concat([body.subarray(0, from), body.subarray(to)])
}

function modelIn(member: Member | undefined): string {
  const model = member?.value[0] === QUOTE ? parsed(member.value) : undefined
  if (typeof model !== 'string' || model === '') throw new UnreadableBody('names no `model`')
  return model
}

/** Throws `UnreadableBody`. */
export function parsed(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString())
  } catch {
    throw new UnreadableBody('is not JSON')
  }
}

/** What is the same in all requests of a conversation, and in all conversations that begin alike. */
function beginningOf(members: ReadonlyMap<string, Member>): Buffer[] {
  const system = members.get('system') ?? members.get('instructions')
  const said = members.get('messages') ?? members.get('input') ?? members.get('prompt')
  const pieces = system ? [system.value] : []
  if (!said) return pieces
  if (said.value[0] !== OPEN_ARRAY) return [...pieces, said.value]
  let at = blanks(said.value, 1)
  while (pieces.length < FIRST_ELEMENTS + (system ? 1 : 0) && at < said.value.length - 1) {
    const to = valueEnd(said.value, at)
    pieces.push(said.value.subarray(at, to))
    at = blanks(said.value, to)
    if (said.value[at] !== COMMA) break
    at = blanks(said.value, at + 1)
  }
  return pieces
}

/** The name of a member that is read; undefined for any other. */
function keyOf(body: Buffer, from: number, to: number): string | undefined {
  const raw = body.toString('latin1', from + 1, Math.min(to - 1, from + 128))
  // Escapes make many texts of one name: six bytes for each letter at the most.
  const name = raw.includes('\\') && to - from <= 128 ? parsed(body.subarray(from, to)) : raw
  return typeof name === 'string' && READ.has(name) ? name : undefined
}

/** Where what isn't blank is next. */
function blanks(bytes: Buffer, from: number): number {
  let at = from
  for (;;) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
}

/** Where a string ends that begins at `from`: after its closing quote. */
function stringEnd(bytes: Buffer, from: number): number {
  let quote = from
  for (;;) {
    const next = bytes.indexOf(QUOTE, quote + 1)
    if (next < 0) throw new UnreadableBody('is not JSON')
    let slashes = next
    // Those before the last quote belong to it.
    while (slashes - 1 > quote && bytes[slashes - 1] === BACKSLASH) slashes--
    if ((next - slashes) % 2 === 0) return next + 1
    quote = next
  }
}

/** Where a value ends that begins at `from`. */
function valueEnd(bytes: Buffer, from: number): number {
  const first = bytes[from]
  if (first === QUOTE) return stringEnd(bytes, from)
  let at = from
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) {
    while (at < bytes.length && !isEnd(bytes[at] as number)) at++
    if (at === from) throw new UnreadableBody('is not JSON')
    return at
  }
  let depth = 0
  while (at < bytes.length) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      at = stringEnd(bytes, at)
      continue
    }
    at++
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++
    else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth === 0) return at
  }
  throw new UnreadableBody('is not JSON')
}

/** Whether a number or a word ends before a byte. */
function isEnd(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || byte <= 0x20
}
