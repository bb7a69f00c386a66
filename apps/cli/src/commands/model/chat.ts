import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { CloisterError } from '@cloister/core'
import {
  type ChatMessage,
  type Cloister,
  type ConfidentialModels,
  models,
  type ReceiptOutcome,
} from '@cloister/sdk'
import { note, paint, say, sayJson, shownOn } from '@cloister/terminal'
import { connect } from '../../context.ts'
import { type AskOptions, confidentialFrom } from './options.ts'
import { endpointLine, outcomeJson, receiptLine } from './shown.ts'

export interface ChatOptions extends AskOptions {
  prompt?: string
  system?: string
}

/** Milliseconds that the receipt of an answer is waited for. */
const RECEIPT_MS = 10_000

/** Talks with a model, sealed, and shows the receipt of each answer. */
export async function runChat(name: string | undefined, options: ChatOptions): Promise<void> {
  const cloister = connect(options)
  const parameters = await confidentialFrom(cloister, options)
  const model = name ?? (parameters.lease === undefined ? await onlyModel(cloister) : undefined)
  const receipts = new NextReceipt()
  const client = models.confidential(cloister, {
    ...parameters,
    ...(parameters.lease === undefined && { model }),
    onReceipt: (outcome) => receipts.heard(outcome),
  })
  const endpoint = await client.endpoint()
  if (!options.json) note(endpointLine(endpoint))
  const talk: Talk = {
    cloister,
    client,
    receipts,
    model: model ?? endpoint.options.model,
    messages: options.system === undefined ? [] : [{ role: 'system', content: options.system }],
  }
  if (options.prompt !== undefined) return once(talk, options.prompt, options.json === true)
  if (options.json)
    throw new CloisterError('bad-option', '--json answers one question: give it with --prompt.')
  await converse(talk)
}

interface Talk {
  cloister: Cloister
  client: ConfidentialModels
  receipts: NextReceipt
  model: string
  messages: ChatMessage[]
}

async function once(talk: Talk, prompt: string, json: boolean): Promise<void> {
  const { text, outcome } = await ask(talk, prompt, json ? undefined : shownOn(process.stdout))
  if (json) sayJson({ text, ...outcomeJson(outcome) })
  if (outcome.problem) throw outcome.problem
}

/** Line by line, until the input ends. */
async function converse(talk: Talk): Promise<void> {
  if (process.stdin.isTTY) note('Type a line; Ctrl-D ends it.')
  const reader = createInterface({
    input: process.stdin,
    output: process.stdin.isTTY ? process.stderr : new Writable({ write: (_, __, done) => done() }),
    prompt: '> ',
  })
  reader.prompt()
  for await (const line of reader) {
    if (line.trim() !== '') await ask(talk, line, shownOn(process.stdout))
    reader.prompt()
  }
}

/** Asks, prints the answer as it comes, and then its receipt. */
async function ask(talk: Talk, prompt: string, out: Writable | undefined) {
  const { cloister, client, receipts, model, messages } = talk
  messages.push({ role: 'user', content: prompt })
  const next = receipts.next()
  let text = ''
  for await (const piece of models.chat(client, { model, messages })) {
    text += piece
    out?.write(piece)
  }
  messages.push({ role: 'assistant', content: text })
  if (out) say()
  const outcome = await next
  if (out) note(paint('dim', receiptLine(cloister.network, outcome), process.stderr))
  return { text, outcome }
}

/** The receipt that is heard of next. */
class NextReceipt {
  private resolve: (outcome: ReceiptOutcome) => void = () => {}

  heard(outcome: ReceiptOutcome): void {
    this.resolve(outcome)
  }

  next(): Promise<ReceiptOutcome> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new CloisterError('bad-receipt', 'The answer came without a receipt.')),
        RECEIPT_MS,
      )
      timer.unref()
      this.resolve = (outcome) => {
        clearTimeout(timer)
        resolve(outcome)
      }
    })
  }
}

/** The model where there is only one. Throws `not-found`, or `bad-option` naming those there are. */
async function onlyModel(cloister: Cloister): Promise<string> {
  const found = await models.list(cloister)
  const [only, ...others] = found
  if (only && others.length === 0) return only.model
  if (!only) throw new CloisterError('not-found', 'Nobody offers a model.', { hint: { do: 'list-models' } })
  throw new CloisterError('bad-option', 'There are several models.', {
    hint: `Say which: ${found.map(({ model }) => model).join(', ')}.`,
  })
}
