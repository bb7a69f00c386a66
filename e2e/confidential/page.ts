// What a stranger's page does with a confidential fetch: bundled for browsers as it stands.
import { createConfidentialFetch, type ReceiptOutcome, readNetwork } from '@cloister/sdk'
import OpenAI from 'openai'
import type { Hex } from 'viem'

/** Asks an endpoint by OpenAI's own client, and says what came and what its receipt says. */
async function askInPage(description: unknown, lease: Hex, url: string) {
  let heard: (outcome: ReceiptOutcome) => void = () => {}
  const receipt = new Promise<ReceiptOutcome>((resolve) => (heard = resolve))
  const confidential = createConfidentialFetch({
    network: readNetwork(description),
    lease,
    url,
    apiKey: 'sk-clo-page',
    onReceipt: (outcome) => heard(outcome),
  })
  const openai = new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: 'none',
    fetch: confidential,
    dangerouslyAllowBrowser: true,
  })
  const messages = [{ role: 'user' as const, content: 'capital of France?' }]
  const stream = await openai.chat.completions.create({ model: 'tiny', messages, stream: true })
  let text = ''
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? ''
  const { problem, endpoint, receipt: file } = await receipt
  return {
    text,
    problem: problem?.message,
    simulated: endpoint.simulated,
    worker: endpoint.worker,
    outcome: file?.details.outcome,
  }
}

Object.assign(globalThis, { askInPage })
