import { CloisterError } from '@cloister/core'
import { fetchSocket, readText } from '@cloister/transport'
import * as z from 'zod'
import type { EvidenceSource } from './source.ts'

const MAX_ANSWER_BYTES = 8 * 1024 * 1024
const ANSWER_MS = 60_000
const hex = z.string().regex(/^(0x)?([0-9a-fA-F]{2})+$/)
const QuoteAnswer = z.object({ quote: hex, event_log: z.string().optional() })

/** The guest agent of a dstack machine, on its socket (`GetQuote`; dstack, guest-agent/rpc). */
export function dstackSource(socketPath: string): EvidenceSource {
  return {
    name: 'dstack',
    async quote(reportData) {
      const body = JSON.stringify({ report_data: Buffer.from(reportData).toString('hex') })
      const parsed = QuoteAnswer.safeParse(await post(socketPath, '/GetQuote', body))
      if (!parsed.success)
        throw new CloisterError(
          'no-evidence',
          'The dstack guest agent answered with something that is no quote.',
        )
      const { quote, event_log } = parsed.data
      return {
        kind: 'tdx',
        quote: new Uint8Array(Buffer.from(quote.replace(/^0x/, ''), 'hex')),
        ...(event_log !== undefined && { eventLog: event_log }),
      }
    },
  }
}

async function post(socketPath: string, path: string, body: string): Promise<unknown> {
  const failed = (what: string, cause?: unknown) =>
    new CloisterError('no-evidence', `The dstack guest agent at ${socketPath} ${what}.`, {
      hint: 'Is the socket mounted into this container?',
      cause,
    })
  const headers = { 'content-type': 'application/json' }
  const init = { method: 'POST', headers, body, signal: AbortSignal.timeout(ANSWER_MS) }
  const response = await fetchSocket(socketPath)(`http://dstack${path}`, init).catch((error) => {
    throw failed('can not be reached', error)
  })
  const text = await readText(response.body, MAX_ANSWER_BYTES).catch((error) => {
    throw failed('broke its answer off', error)
  })
  if (response.status !== 200) throw failed(`answered with status ${response.status}`)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw failed('answered with something other than JSON', error)
  }
}
