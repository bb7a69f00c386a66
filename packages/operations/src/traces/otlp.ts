import type { AttributeValue, Span } from './span.ts'

/** `STATUS_CODE_ERROR` of opentelemetry-proto's trace.proto. */
const ERROR = 2

/**
 * Spans of one service as an `ExportTraceServiceRequest` in OTLP's JSON (OpenTelemetry protocol 1.x, "JSON
 * Protobuf Encoding"): ids in hex, 64-bit numbers as text.
 */
export function otlpTraces(spans: readonly Span[], service: string): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: [attribute('service.name', service)] },
        scopeSpans: [{ scope: { name: 'cloister' }, spans: spans.map(otlpSpan) }],
      },
    ],
  }
}

function otlpSpan({ startTime, endTime, attributes, events, isError, ...span }: Span): object {
  return {
    ...span,
    startTimeUnixNano: String(startTime),
    endTimeUnixNano: String(endTime),
    attributes: [...attributes].map(([key, value]) => attribute(key, value)),
    events: events.map(({ name, time }) => ({ name, timeUnixNano: String(time) })),
    status: isError ? { code: ERROR } : {},
  }
}

function attribute(key: string, value: AttributeValue): object {
  if (typeof value === 'boolean') return { key, value: { boolValue: value } }
  return { key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value } }
}
