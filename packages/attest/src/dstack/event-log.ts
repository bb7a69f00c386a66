import * as z from 'zod'
import { crypto } from '#crypto'
import { concatBytes, fromHex, toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'

/** Event type of dstack's own events (0x08000001). */
const DSTACK_EVENT = 134_217_729
const REGISTER_BYTES = 48
const MAX_EVENTS = 10_000
const MAX_CHARACTERS = 8 * 1024 * 1024

const hex = z.string().regex(/^([0-9a-fA-F]{2})*$/)
/** dstack writes numbers as numbers or as strings. */
const Event = z.object({
  imr: z.coerce.number().int().min(0).max(3),
  event_type: z.coerce.number().int().min(0).max(0xffff_ffff),
  digest: hex,
  event: z.string(),
  event_payload: hex,
  version: z.coerce.number().int().optional(),
})
export type DstackEvent = z.infer<typeof Event>

/** Who runs on a dstack machine, as measured while it booted. Hexadecimal digits. */
export interface DstackIdentity {
  appId: string
  /** SHA-256 of app-compose.json as it was given to the machine. */
  composeHash: string
  /** May be empty. */
  instanceId: string
  /** Who gives the machine its keys. */
  keyProvider: { name: string; id: string } | undefined
  osImageHash: string | undefined
}

/** Reads an event log. Throws `bad-event-log`. */
export function parseEventLog(text: string): DstackEvent[] {
  if (text.length > MAX_CHARACTERS)
    throw new EvidenceError('bad-event-log', `The event log is longer than ${MAX_CHARACTERS} characters.`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new EvidenceError('bad-event-log', 'The event log is not JSON.', { cause })
  }
  const parsed = z.array(Event).max(MAX_EVENTS).safeParse(value)
  if (parsed.success) return parsed.data
  throw new EvidenceError(
    'bad-event-log',
    `The event log is wrong at ${parsed.error.issues[0]?.path.join('.')}.`,
  )
}

/**
 * What the four registers come to by the log (`r = SHA-384(r ‖ digest)`, from 48 zero bytes). Digests of
 * dstack's own events are computed from their fields, never believed; those of firmware and kernel events
 * bind by themselves, and nothing else of them does.
 */
export async function replayEventLog(events: readonly DstackEvent[]): Promise<string[]> {
  const registers = [0, 1, 2, 3].map(() => new Uint8Array(REGISTER_BYTES))
  for (const event of events) {
    const digest =
      event.imr === 3 ? await digestOf(event) : fromHex(event.digest, 'A digest of the event log')
    if (digest.length !== REGISTER_BYTES)
      throw new EvidenceError('bad-event-log', 'A digest of the event log has another length than 48 bytes.')
    registers[event.imr] = new Uint8Array(
      await crypto.digest('SHA-384', concatBytes(registers[event.imr] ?? new Uint8Array(), digest)),
    )
  }
  return registers.map(toHex)
}

/**
 * Digest of an event of dstack's. Version 1: SHA-384 over the type as four little-endian bytes, `:`, the
 * name, `:` and the payload. Version 2: SHA-384 of the canonical JSON (RFC 8785) of name, payload in
 * hexadecimal digits, and type.
 */
async function digestOf({ event_type, event, event_payload, version = 1 }: DstackEvent): Promise<Uint8Array> {
  if (event_type !== DSTACK_EVENT)
    throw new EvidenceError(
      'bad-event-log',
      `RTMR3 was extended by an event of type ${event_type}, which dstack does not have.`,
    )
  if (version === 2)
    return crypto.digest(
      'SHA-384',
      encode(
        `{"name":${JSON.stringify(event)},"payload":"${event_payload.toLowerCase()}","type":${event_type}}`,
      ),
    )
  if (version !== 1)
    throw new EvidenceError('bad-event-log', `An event is of version ${version}; versions 1 and 2 are known.`)
  const type = new Uint8Array(4)
  new DataView(type.buffer).setUint32(0, event_type, true)
  return crypto.digest(
    'SHA-384',
    concatBytes(type, encode(`:${event}:`), fromHex(event_payload, 'A payload of the event log')),
  )
}

/**
 * Who runs there. Only events before the first `system-ready` count, since later ones are the app's own, and
 * each of the identity must be there exactly once. Throws `bad-event-log`.
 */
export function identityOf(events: readonly DstackEvent[]): DstackIdentity {
  const measured = events.filter(({ imr }) => imr === 3)
  const ready = measured.findIndex(({ event }) => event === 'system-ready')
  const boot = ready === -1 ? measured : measured.slice(0, ready)
  const find = (name: string): string | undefined => {
    const found = boot.filter(({ event }) => event === name)
    if (found.length > 1)
      throw new EvidenceError('bad-event-log', `The event ${name} is there ${found.length} times.`)
    return found[0]?.event_payload.toLowerCase()
  }
  const [appId, composeHash] = [find('app-id'), find('compose-hash')]
  if (appId?.length !== 40 || composeHash?.length !== 64)
    throw new EvidenceError('bad-event-log', 'The event log does not say which app runs.')
  return {
    appId,
    composeHash,
    instanceId: find('instance-id') ?? '',
    keyProvider: readKeyProvider(find('key-provider')),
    osImageHash: find('os-image-hash'),
  }
}

function readKeyProvider(payload: string | undefined): DstackIdentity['keyProvider'] {
  if (payload === undefined) return undefined
  try {
    return z
      .object({ name: z.string(), id: z.string() })
      .parse(JSON.parse(new TextDecoder().decode(fromHex(payload, 'The key provider'))))
  } catch (cause) {
    throw new EvidenceError('bad-event-log', 'The key provider in the event log can not be read.', { cause })
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
