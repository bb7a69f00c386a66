import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { CloisterError } from '@cloister/core'
import { onceAbandoned } from '@cloister/operations/stop'
import { models } from '@cloister/sdk'
import { note, say, sayJson } from '@cloister/terminal'
import { connect } from '../../context.ts'
import { proxyServer } from '../../proxy/server.ts'
import { type AskOptions, confidentialFrom } from './options.ts'
import { endpointLine, outcomeJson, receiptLine } from './shown.ts'

export interface ProxyOptions extends AskOptions {
  port: string
  model?: string
}

/**
 * Serves OpenAI's and Anthropic's interface on loopback until it is stopped; each request goes sealed to an
 * endpoint that was verified, and the receipt of each answer is checked.
 */
export async function runProxy(options: ProxyOptions): Promise<void> {
  const port = Number(options.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new CloisterError(
      'bad-option',
      `--port has to be a number up to 65535, not ${options.port.slice(0, 20)}.`,
    )
  const cloister = connect(options)
  const parameters = await confidentialFrom(cloister, options)
  const { json = false, model } = options
  const client = models.confidential(cloister, {
    ...parameters,
    ...(parameters.lease === undefined && model !== undefined && { model }),
    onEndpoint: (endpoint) => (json ? undefined : note(endpointLine(endpoint))),
    onReceipt: (outcome) =>
      json ? sayJson(outcomeJson(outcome)) : note(receiptLine(cloister.network, outcome)),
  })
  // An endpoint that can't be trusted is told of now, and not once a tool asks.
  if (parameters.lease !== undefined || model !== undefined) await client.endpoint()
  const names = async () => {
    if (parameters.lease === undefined && model === undefined)
      return (await models.list(cloister)).map((each) => each.model)
    const { options: served } = await client.endpoint()
    return [served.model, ...(served.aliases ?? [])]
  }
  const server = proxyServer({ models: client, names })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening').catch((cause) => {
    throw new CloisterError('port-taken', `127.0.0.1:${port} can not be listened on (${cause.code}).`, {
      hint: 'Say another with --port; 0 takes a free one.',
      cause,
    })
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  if (json) sayJson({ url, openai: `${url}/v1`, anthropic: url })
  else {
    say(`OpenAI’s interface: ${url}/v1   Anthropic’s: ${url}`)
    say('Whatever is asked there is sealed to an attested worker. Ctrl-C ends it.')
  }
  await untilAsked()
  server.close()
  server.closeAllConnections()
}

/** Until Ctrl-C, or until whoever started this is gone. */
async function untilAsked(): Promise<void> {
  const signals = ['SIGINT', 'SIGTERM'] as const
  let stop = () => {}
  await new Promise<void>((done) => {
    stop = done
    for (const signal of signals) process.once(signal, stop)
    onceAbandoned(stop)
  })
  for (const signal of signals) process.off(signal, stop)
}
