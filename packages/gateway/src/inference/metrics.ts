import { addGauges, Counter, classOf, Gauge, Histogram, type Registry } from '@cloister/operations/metrics'
import type { Endpoint } from './endpoint.ts'
import type { InferenceObserver } from './observer.ts'
import type { Reason } from './refusals.ts'

/** Seconds to the first byte of an answer: of a stream that is the first token. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
/** Models that have a label of their own; anybody may offer as many as there is gas for. */
const MOST_LABELS = 50
/** Endpoints that are told one by one. */
const MOST_ENDPOINTS = 200
const REASONS: readonly Reason[] = [
  'bad-request',
  'unknown-model',
  'no-endpoint',
  'too-large',
  'too-slow',
  'rate',
  'busy',
  'unreachable',
  'late',
  'index',
]

/** Adds the metrics of a gateway's door to models. Leases in them are those that are offered to everybody. */
export function inferenceMetrics(registry: Registry): InferenceObserver {
  const registers = [registry]
  const labels = new Set<string>()
  const labelOf = (model: string) => {
    if (labels.has(model)) return model
    if (labels.size >= MOST_LABELS) return 'other'
    labels.add(model)
    return model
  }
  const requests = new Counter({
    name: 'cloister_gateway_inference_requests_total',
    help: 'Requests that went to an endpoint and have ended, by model and class of their answer’s status.',
    labelNames: ['model', 'status'],
    registers,
  })
  const firstByte = new Histogram({
    name: 'cloister_gateway_inference_first_token_seconds',
    help: 'From the whole request to the first byte of its answer’s body, retries included; of a stream, the time to the first token.',
    labelNames: ['model'],
    buckets: BUCKETS,
    registers,
  })
  const underWay = new Gauge({
    name: 'cloister_gateway_inference_under_way',
    help: 'Requests that endpoints are answering.',
    registers,
  })
  underWay.set(0)
  const refused = new Counter({
    name: 'cloister_gateway_inference_refused_total',
    help: 'Requests that the gateway answered in its own name, by why.',
    labelNames: ['reason'],
    registers,
  })
  const retries = new Counter({
    name: 'cloister_gateway_inference_retries_total',
    help: 'Times that a request went to another endpoint before the first byte of an answer, by why.',
    labelNames: ['reason'],
    registers,
  })
  for (const reason of REASONS) refused.inc({ reason }, 0)
  for (const reason of ['busy', 'unreachable']) retries.inc({ reason }, 0)
  return {
    began: (name) => {
      const model = labelOf(name)
      underWay.inc()
      return {
        firstByte: (seconds) => firstByte.observe({ model }, seconds),
        ended: (status) => {
          underWay.dec()
          requests.inc({ model, status: classOf(status) })
        },
      }
    },
    refused: (reason) => refused.inc({ reason }),
    retried: (reason) => retries.inc({ reason }),
  }
}

/** Adds how the endpoints are doing that a gateway knows, as they are when somebody asks. */
export function endpointMetrics(registry: Registry, endpoints: () => Iterable<Endpoint>): void {
  const ofEach = (read: (endpoint: Endpoint) => number) => () =>
    Object.fromEntries(
      [...endpoints()].slice(0, MOST_ENDPOINTS).map((one) => [one.record.shortId, read(one)]),
    )
  addGauges(registry, [
    {
      name: 'cloister_gateway_inference_endpoints',
      help: 'Endpoints that are offered, by how they are doing: away is after a failure, for a while.',
      label: 'state',
      read: () => {
        const count = { ready: 0, busy: 0, away: 0 }
        for (const { standing } of endpoints()) count[standing.state]++
        return count
      },
    },
    {
      name: 'cloister_gateway_inference_endpoint_ready',
      help: 'Whether an endpoint gets requests, by its lease’s short id.',
      label: 'lease',
      read: ofEach(({ standing }) => (standing.state === 'ready' ? 1 : 0)),
    },
    {
      name: 'cloister_gateway_inference_endpoint_under_way',
      help: 'Requests that an endpoint is answering for this gateway, by its lease’s short id.',
      label: 'lease',
      read: ofEach(({ standing }) => standing.underWay),
    },
  ])
}
