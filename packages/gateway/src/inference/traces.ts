import type { EndpointKind } from '@cloister/inference/protocol'
import type { OpenSpan, Tracer } from '@cloister/operations/traces'
import type { InferenceTracer, RequestTrace, TryTrace } from './tracer.ts'

/** `gen_ai.operation.name`, of the values that OpenTelemetry's conventions know. */
const OPERATIONS: Record<EndpointKind, string> = {
  chat: 'chat',
  completions: 'text_completion',
  embeddings: 'embeddings',
  responses: 'chat',
  messages: 'chat',
}
const COUNT_TOKENS = 'count_tokens'

/**
 * Traces requests by OpenTelemetry's conventions for generative AI and HTTP, without their content: a span
 * for each, and below it one for each try. `domain`: where clients ask the gateway.
 */
export function inferenceTraces(tracer: Tracer, domain: string): InferenceTracer {
  return {
    began: ({ kind, route }, isSealed, traceparent) => {
      const operation = route.endsWith(`/${COUNT_TOKENS}`) ? COUNT_TOKENS : OPERATIONS[kind]
      const span = tracer.begin(operation, traceparent)
      if (!span) return undefined
      span.set('gen_ai.operation.name', operation)
      span.set('gen_ai.provider.name', 'cloister')
      span.set('http.request.method', 'POST')
      span.set('http.route', route)
      span.set('server.address', domain)
      span.set('cloister.sealed', isSealed)
      return traceOf(span)
    },
  }
}

function traceOf(span: OpenSpan): RequestTrace {
  let tries = 0
  let isBroken = false
  return {
    led: (model) => {
      if (model === 'other') return
      span.name += ` ${model}`
      span.set('gen_ai.request.model', model)
    },
    tried: (endpoint) => {
      const child = span.child(span.name, 'client')
      if (tries > 0) child.set('http.request.resend_count', tries)
      tries++
      if (endpoint) {
        for (const one of [span, child]) one.set('cloister.lease', endpoint.shortId)
        setAddress(child, endpoint.endpoint)
      }
      return tryOf(child)
    },
    firstByte: () => span.event('cloister.first_byte'),
    failed: (why) => {
      isBroken = why === 'broken-off'
      span.set('error.type', why)
    },
    ended: (status) => {
      if (status > 0) span.set('http.response.status_code', status)
      else span.set('error.type', 'left')
      span.end({ isError: status >= 500 || isBroken })
    },
  }
}

/** Where a worker is: it says so on chain. */
function setAddress(span: OpenSpan, endpoint: string): void {
  if (!URL.canParse(endpoint)) return
  const { hostname, port, protocol } = new URL(endpoint)
  span.set('server.address', hostname.replace(/^\[|\]$/g, ''))
  span.set('server.port', Number(port) || (protocol === 'https:' ? 443 : 80))
}

function tryOf(span: OpenSpan): TryTrace {
  let isError = false
  return {
    answered: (status) => {
      isError = status >= 400
      span.set('http.response.status_code', status)
    },
    failed: (why) => {
      isError = true
      span.set('error.type', why)
    },
    ended: () => span.end({ isError }),
  }
}
