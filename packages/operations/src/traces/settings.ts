import { CloisterError } from '@cloister/core'

const TRACES_PATH = '/v1/traces'

/** How traces are recorded and sent. */
export interface TraceSettings {
  /** Where they are sent: OTLP over HTTP. */
  url: URL
  headers: Record<string, string>
  /** What they say whose they are. */
  service: string
  /** The share of traces that is recorded, from 0 to 1. */
  ratio: number
}

/**
 * Reads the base of a collector's address, and `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER_ARG` and
 * `OTEL_EXPORTER_OTLP_HEADERS` as OpenTelemetry's "Environment Variable Specification" and "Protocol
 * Exporter" have them. Throws `bad-option`.
 */
export function readTraceSettings(address: string, usual: string, env: NodeJS.ProcessEnv): TraceSettings {
  const {
    OTEL_EXPORTER_OTLP_HEADERS: headers = '',
    OTEL_SERVICE_NAME: service,
    OTEL_TRACES_SAMPLER_ARG: ratio,
  } = env
  return {
    url: collectorUrl(address),
    headers: headersIn(headers),
    service: service || usual,
    ratio: ratioIn(ratio || '1'),
  }
}

function collectorUrl(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.password !== '' ||
    url.hash !== ''
  )
    // What is in it may be a secret.
    throw new CloisterError('bad-option', 'The collector of traces is no address that begins with http(s).', {
      hint: 'Write http://127.0.0.1:4318; a key goes into OTEL_EXPORTER_OTLP_HEADERS.',
    })
  if (!url.pathname.endsWith(TRACES_PATH)) url.pathname = url.pathname.replace(/\/$/, '') + TRACES_PATH
  return url
}

/** `name=value,name=value`, values encoded as in URLs (W3C Baggage, as OpenTelemetry has it). */
function headersIn(text: string): Record<string, string> {
  try {
    const pairs = text.split(',').flatMap((pair): [string, string][] => {
      const at = pair.indexOf('=')
      if (pair.trim() === '') return []
      return [[pair.slice(0, Math.max(at, 0)).trim(), decodeURIComponent(pair.slice(at + 1).trim())]]
    })
    return Object.fromEntries(new Headers(pairs))
  } catch {
    throw new CloisterError('bad-option', 'OTEL_EXPORTER_OTLP_HEADERS is no list like name=value,name=value.')
  }
}

function ratioIn(text: string): number {
  const ratio = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN
  if (ratio >= 0 && ratio <= 1) return ratio
  throw new CloisterError('bad-option', 'OTEL_TRACES_SAMPLER_ARG is a share from 0 to 1, like 0.1.')
}
