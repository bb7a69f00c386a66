import type { ServerResponse } from 'node:http'
import { LEASE_HEADER, RECEIPT_HEADER, REQUEST_HEADER } from '../protocol/constants.ts'
import type { Sink } from './question.ts'

/** Pages of any origin may ask: there is no cookie to protect. */
export const CORS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': `${RECEIPT_HEADER}, ${REQUEST_HEADER}, ${LEASE_HEADER}, payment-required, payment-response, retry-after`,
}

/** The signal that is aborted when a response's connection ends before the response has. */
export function leaving(response: ServerResponse): AbortSignal {
  const leave = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) leave.abort(new Error('whoever asked has left'))
  })
  return leave.signal
}

/** An answer in the open. */
export class PlainSink implements Sink {
  readonly signal: AbortSignal
  private readonly response: ServerResponse
  private last: Buffer | undefined

  constructor(response: ServerResponse) {
    this.response = response
    this.signal = leaving(response)
  }

  begin(status: number, headers: Record<string, string>): void {
    this.response.writeHead(status, { ...headers, ...CORS })
  }

  write(piece: Buffer): boolean {
    return this.response.write(piece)
  }

  drained(listener: () => void): void {
    this.response.once('drain', listener)
  }

  finish(piece: Buffer | undefined): void {
    this.last = piece
  }

  end(): void {
    this.response.end(this.last)
  }

  sealedHash(): null {
    return null
  }
}
