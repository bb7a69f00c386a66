import { readFileSync, statSync } from 'node:fs'
import { CloisterError } from '@cloister/core'
import { type Cloister, receipts } from '@cloister/sdk'
import { paint, printable, say, sayExactly, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { writeOutput } from '../../output-file.ts'

const MAX_RECEIPT_BYTES = 64 * 1024
const MAX_BODY_BYTES = 256 * 1024 * 1024
const ID = /^rcpt_[0-9a-f]{32}$/

export interface VerifyReceiptOptions extends Globals {
  request?: string
  response?: string
}

/** Shows what a receipt proves. Its exit code is 1 where it doesn't hold. */
export async function verifyReceipt(subject: string, options: VerifyReceiptOptions): Promise<void> {
  const cloister = connect(options)
  const file = await receiptFrom(cloister, subject)
  const { request, response } = options
  const verified = await receipts.verify(cloister, file, {
    ...(request !== undefined && { request: bytesOf(request, MAX_BODY_BYTES) }),
    ...(response !== undefined && { response: bytesOf(response, MAX_BODY_BYTES) }),
  })
  if (!verified.ok) process.exitCode = 1
  if (options.json) return sayJson(verified)
  const { ok, simulated, sentence, steps, limits } = verified
  say(paint(['bold', ok ? (simulated ? 'yellow' : 'green') : 'red'], printable(sentence)))
  say('')
  for (const { outcome, says } of steps) {
    const mark =
      outcome === 'holds'
        ? paint('green', '✔')
        : outcome === 'fails'
          ? paint('red', '✘')
          : paint('yellow', '?')
    say(`  ${mark} ${printable(says)}`)
  }
  say('')
  say('What it does not prove:')
  for (const limit of limits) say(`  · ${printable(limit)}`)
}

/** Fetches a receipt, as a file to keep. */
export async function getReceipt(id: string, options: Globals & { output?: string }): Promise<void> {
  const cloister = connect(options)
  const text = JSON.stringify(await receipts.fetch(cloister, id), null, 2)
  const { output } = options
  if (output === undefined) return sayExactly(text)
  writeOutput(output, `${text}\n`)
  if (options.json) return sayJson({ written: output })
  say(`Wrote ${output}. What it proves, now or in a year: cloister receipt verify ${output}`)
}

/** A receipt by its id, or out of a file. */
async function receiptFrom(cloister: Cloister, subject: string): Promise<unknown> {
  if (ID.test(subject)) return receipts.fetch(cloister, subject)
  const text = Buffer.from(bytesOf(subject, MAX_RECEIPT_BYTES)).toString('utf8')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CloisterError('not-json', `${subject} is not JSON, so it is no receipt.`, { cause })
  }
}

function bytesOf(path: string, most: number): Uint8Array {
  try {
    if (path !== '-' && statSync(path).size > most)
      throw new CloisterError('too-large', `${path} has more than ${most} bytes.`)
    return readFileSync(path === '-' ? 0 : path)
  } catch (cause) {
    if (cause instanceof CloisterError) throw cause
    throw new CloisterError('no-file', `${path} is neither a receipt's id nor a file that can be read.`, {
      hint: 'An id is rcpt_ and 32 hexadecimal digits, as the header x-receipt-id of an answer has it.',
      cause,
    })
  }
}
