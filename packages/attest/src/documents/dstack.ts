import * as z from 'zod'
import { toHex } from '../bytes.ts'
import { bareDocument, type EvidenceDocument, padded, unreadable } from './document.ts'
import { decodeText } from './encoding.ts'
import { ScaleReader } from './scale.ts'

const hexText = z.string().max(1_000_000)

/** The answer of a dstack guest's `GetQuote`, of any of its clients. */
export const GetQuoteAnswer = z.object({
  quote: hexText,
  event_log: z.union([z.string().max(8_000_000), z.array(z.unknown()).max(10_000)]).nullish(),
  report_data: z.string().max(256).nullish(),
})

/** Reads the answer of a dstack guest's `GetQuote`. Throws `bad-document`. */
export function readGetQuote(answer: z.infer<typeof GetQuoteAnswer>): EvidenceDocument {
  const quote = decodeText(answer.quote)
  if (!quote)
    throw unreadable('dstack’s getQuote answer', 'its quote is neither hexadecimal digits nor base64')
  const { event_log: log, report_data: data } = answer
  const wanted = data ? data.replace(/^0x/, '').toLowerCase() : ''
  return {
    ...bareDocument('dstack getQuote answer', 'tdx', quote),
    ...(log && { eventLog: typeof log === 'string' ? log : JSON.stringify(log) }),
    bindings: /^([0-9a-f]{2}){1,64}$/.test(wanted)
      ? [
          {
            what: 'the report data that the answer names',
            accepted: [padded(wanted)],
            source: 'dstack, GetQuote',
          },
        ]
      : [],
  }
}

const VERSION_0 = 0
const PLATFORM = { tdx: 0, nitro: 2, snp: 3 } as const

/** Whether bytes may be a bundled attestation of dstack's, version 0. */
export function isBundledAttestation(bytes: Uint8Array): boolean {
  return (
    bytes[0] === VERSION_0 && Object.values<number>(PLATFORM).includes(bytes[1] ?? -1) && bytes.length > 200
  )
}

/**
 * Reads dstack's bundled attestation, version 0 (dstack, dstack-attest): a byte for the version, a byte for
 * the platform, the evidence, and what goes with it. What follows that, settings of the machine, isn't
 * needed. Throws `bad-document` or `truncated`.
 */
export function readBundledAttestation(bytes: Uint8Array): EvidenceDocument {
  const form = 'dstack’s bundled attestation'
  const reader = new ScaleReader(bytes.subarray(2), 'dstack’s bundled attestation')
  const evidence = reader.bytes()
  if (bytes[1] === PLATFORM.nitro) return bareDocument(form, 'nitro', evidence)
  if (bytes[1] === PLATFORM.tdx)
    return {
      ...bareDocument(form, 'tdx', evidence),
      eventLog: JSON.stringify(reader.list(() => readEvent(reader))),
      isBundled: true,
    }
  const certificates = reader.list(() => reader.text())
  // From AMD's authority down; a chain here begins with the chip's own.
  return { ...bareDocument(form, 'sev-snp', evidence), certificates: certificates.toReversed().join('\n') }
}

function readEvent(reader: ScaleReader): Record<string, unknown> {
  const [imr, event_type] = [reader.u32(), reader.u32()]
  const [digest, event, event_payload] = [toHex(reader.bytes()), reader.text(), toHex(reader.bytes())]
  return { imr, event_type, digest, event, event_payload }
}
