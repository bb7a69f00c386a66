import { request } from 'node:http'
import { CloisterError } from '@cloister/core'
import { z } from 'zod'
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

function post(socketPath: string, path: string, body: string): Promise<unknown> {
  const failed = (what: string, cause?: unknown) =>
    new CloisterError('no-evidence', `The dstack guest agent at ${socketPath} ${what}.`, {
      hint: 'Is the socket mounted into this container?',
      cause,
    })
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      host: 'dstack',
    }
    const asked = request({ socketPath, path, method: 'POST', headers, timeout: ANSWER_MS }, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_ANSWER_BYTES) asked.destroy(new Error('too long'))
        chunks.push(chunk)
      })
      response.on('error', (error) => reject(failed('broke its answer off', error)))
      response.on('end', () => {
        if (response.statusCode !== 200) return reject(failed(`answered with status ${response.statusCode}`))
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString()))
        } catch (error) {
          reject(failed('answered with something other than JSON', error))
        }
      })
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer')))
    asked.on('error', (error) => reject(failed('can not be reached', error)))
    asked.end(body)
  })
}
